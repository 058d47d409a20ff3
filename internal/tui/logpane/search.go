package logpane

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/notice"
)

// pattern is what a search looks for: a regular expression in which lower case matches both cases.
type pattern struct {
	text string
	re   *regexp.Regexp
	fold bool
	// needs are texts that every match contains, in lower case when fold: looking for them spares most lines the expression.
	needs [][]byte
	// plain means that needs are all there is to match.
	plain bool
}

// source is what was typed; nothing for no search.
func (p *pattern) source() string {
	if p == nil {
		return ""
	}
	return p.text
}

// compile reads a search; its error says in a few words what is wrong.
func compile(text string) (*pattern, error) {
	p := &pattern{text: text, fold: !hasUpper(text)}
	flags := syntax.Perl
	source := text
	if p.fold {
		flags |= syntax.FoldCase
		source = "(?i)" + text
	}
	tree, err := syntax.Parse(text, flags)
	if err == nil {
		p.re, err = regexp.Compile(source)
	}
	if err != nil {
		var bad *syntax.Error
		if errors.As(err, &bad) {
			return nil, fmt.Errorf("%s: %q", bad.Code, bad.Expr)
		}
		return nil, err
	}
	tree = tree.Simplify()
	p.needs = literals(tree, p.fold)
	p.plain = tree.Op == syntax.OpLiteral && len(p.needs) == 1 && p.fold == (tree.Flags&syntax.FoldCase != 0)
	if p.fold {
		for i, n := range p.needs {
			p.needs[i] = bytes.ToLower(n)
		}
	}
	return p, nil
}

// hasUpper looks for a capital that is meant as one: \S and \x41 are not.
func hasUpper(text string) bool {
	escaped := false
	for _, r := range text {
		if !escaped && unicode.IsUpper(r) {
			return true
		}
		escaped = r == '\\' && !escaped
	}
	return false
}

// literals returns ASCII texts that every match of the tree contains, in some case when fold.
func literals(tree *syntax.Regexp, fold bool) (found [][]byte) {
	switch tree.Op {
	case syntax.OpLiteral:
		if tree.Flags&syntax.FoldCase != 0 && !fold { // (?i:...) within an expression that otherwise tells cases apart
			return nil
		}
		for _, r := range tree.Rune {
			if r >= utf8.RuneSelf {
				return nil
			}
		}
		return [][]byte{[]byte(string(tree.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return literals(tree.Sub[0], fold)
	case syntax.OpConcat:
		for _, sub := range tree.Sub {
			found = append(found, literals(sub, fold)...)
		}
	}
	return found
}

func (p *pattern) matches(text []byte) bool {
	for _, n := range p.needs {
		if !p.contains(text, n) {
			return false
		}
	}
	return p.plain || p.re.Match(text)
}

func (p *pattern) contains(text, need []byte) bool {
	if !p.fold {
		return bytes.Contains(text, need)
	}
	first := need[0]
	for i := 0; i+len(need) <= len(text); i++ {
		if lower(text[i]) == first && equalFold(text[i:i+len(need)], need) {
			return true
		}
	}
	return false
}

func equalFold(text, want []byte) bool {
	for i, c := range want {
		if lower(text[i]) != c {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// maxMarks bounds how many places of one line are highlighted.
const maxMarks = 200

// marks returns where a shown text matches, in bytes.
func (p *pattern) marks(shown string) [][]int {
	if p == nil || p.text == "" || (p.plain && !p.fold && !strings.Contains(shown, p.text)) {
		return nil
	}
	return p.re.FindAllStringIndex(shown, maxMarks)
}

var noSearch = notice.Say(notice.Info, "no search yet: / starts one")

func (p *Pane) toggleOnly() tea.Cmd {
	if p.filter.search == nil {
		return noSearch
	}
	p.filter.only = !p.filter.only
	p.refilter()
	return nil
}

// find goes to the next match after the cursor, or before it, and wraps around at the ends. While following it begins at the newest line.
func (p *Pane) find(by int) tea.Cmd {
	search := p.filter.search
	if search == nil {
		return noSearch
	}
	n := p.index.len()
	at := n
	if p.paused {
		at = p.index.search(p.cursor)
	} else {
		by = -1
	}
	for range n {
		at = (at + by + n) % n
		if search.matches(p.ring.at(p.index.at(at)).Text) {
			p.goTo(p.index.at(at), false)
			return nil
		}
	}
	return notice.Say(notice.Warn, "no line in memory matches "+draw.Safe(search.text))
}
