package console

import (
	"slices"
	"strings"

	"stackctl.dev/stackctl/internal/store"
)

// Candidate is a completion of a word, quoted if necessary.
type Candidate struct{ Text, Summary string }

// Completion is how the last word of a line can be completed.
type Completion struct {
	From       int // where the word begins, in bytes
	Candidates []Candidate
	// WantKeys says that the word is a key: candidates are the keys that begin with Prefix.
	WantKeys bool
	Prefix   string
}

// maxCandidates bounds a completion: a longer list does not help.
const maxCandidates = 200

// Complete completes the last word of a line.
func (s *Session) Complete(line string) Completion {
	words, from, last := lastWord(line)
	done := Completion{From: from}
	s.commands.mu.RLock()
	defer s.commands.mu.RUnlock()
	if len(words) == 0 {
		done.Candidates = candidates(s.commands.byName, last)
		return done
	}
	found, ok := s.commands.byName[strings.ToLower(words[0])]
	if !ok {
		return done
	}
	if len(words) == 1 && len(found.subs) > 0 {
		done.Candidates = candidates(found.subs, last)
		return done
	}
	if len(words) > 1 {
		if sub, ok := found.subs[strings.ToLower(words[1])]; ok {
			found = sub
		}
	}
	if done.WantKeys = found.takesKey(len(words)); done.WantKeys {
		done.Prefix = last
	}
	return done
}

// lastWord splits a line into complete words and the word being typed, which is returned without its quote.
func lastWord(line string) (words []string, from int, last string) {
	for cut := len(line); cut >= 0; cut-- {
		if cut != 0 && line[cut-1] != ' ' {
			continue
		}
		words, err := store.SplitLine(line[:cut])
		if err == nil { // the rest is one word, complete or with an open quote
			return words, cut, strings.TrimLeft(line[cut:], `"'`)
		}
	}
	return nil, 0, line
}

// takesKey reports whether the argument at a position, counted from the command, is a key.
func (c *command) takesKey(at int) bool {
	if c.first == 0 || at < c.first || c.last >= 0 && at > c.last {
		return false
	}
	return (at-c.first)%max(c.step, 1) == 0
}

func candidates(of map[string]*command, prefix string) []Candidate {
	var found []Candidate
	for name, c := range of {
		if strings.HasPrefix(name, strings.ToLower(prefix)) {
			found = append(found, Candidate{Text: strings.ToUpper(name), Summary: c.summary})
		}
	}
	slices.SortFunc(found, func(a, b Candidate) int { return strings.Compare(a.Text, b.Text) })
	return found[:min(len(found), maxCandidates)]
}

// Hint returns the syntax of the arguments that are still to be typed, such as "value [NX|XX]".
func (s *Session) Hint(line string) string {
	words, err := store.SplitLine(line)
	if err != nil || len(words) == 0 || !strings.HasSuffix(line, " ") {
		return ""
	}
	found, ok := s.commands.lookup(words)
	if !ok {
		return ""
	}
	given := len(words) - 1 - strings.Count(found.name, " ")
	rest := found.args
	for ; given > 0 && len(rest) > 0 && !strings.HasPrefix(rest[0], "["); given-- {
		if strings.HasSuffix(rest[0], "...]") { // it may be repeated
			_, again, _ := strings.Cut(rest[0], " [")
			return strings.Join(append([]string{"[" + again}, rest[1:]...), " ")
		}
		rest = rest[1:]
	}
	return strings.Join(rest, " ")
}

// Quote returns a word as it must be typed: in quotes only if necessary.
func Quote(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\'' || r == '\\' }) {
		return word
	}
	return strings.TrimSuffix(store.FormatTTY(nil, store.Reply{Kind: store.String, Text: word}), "\n")
}
