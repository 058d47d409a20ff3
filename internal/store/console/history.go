package console

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"stackctl.dev/stackctl/internal/store"
)

const (
	// maxHistory is how many lines a History holds, and about how many its file does.
	maxHistory = 1000
	// maxHistoryFile bounds what is read of a file, in case something else wrote into it.
	maxHistoryFile = 4 << 20
	// maxHistoryLine bounds a line: a value that was pasted is no line to look for again.
	maxHistoryLine = 4 << 10
)

// History is the lines that were typed, in memory and in a file that only its owner can read. Lines with secrets are in neither. It is for
// one goroutine at a time; processes may share the file.
type History struct {
	path  string // "" is memory only
	lines []string
	err   error
}

// OpenHistory reads the lines of a file, which need not be there yet; path "" keeps them in memory only. With an error, the History
// that comes along still works, in memory only.
func OpenHistory(path string) (*History, error) {
	if path == "" {
		return &History{}, nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // trimming replaces the file, not what points to it
	}
	h := &History{path: path}
	if err := h.load(); err != nil {
		return &History{}, fmt.Errorf("reading history %q: %w", path, err)
	}
	return h, nil
}

// load reads the file and, when it has grown well beyond what is kept, trims it.
func (h *History) load() error {
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	// The lock is held until the file is replaced, so that nobody's line is lost between; if another has it, the next start trims.
	f, locked, err := openLocked(h.path, os.O_RDONLY, true)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	text, cut, err := readTail(f, maxHistoryFile)
	if err != nil {
		return err
	}
	all := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return line == "" })
	clean := slices.DeleteFunc(slices.Clone(all), hasSecret) // somebody else may have put them there
	h.lines = clean[max(0, len(clean)-maxHistory):]
	if locked && (cut || len(all) > 2*maxHistory || len(clean) < len(all)) {
		return replace(h.path, strings.Join(append(slices.Clone(h.lines), ""), "\n"))
	}
	return nil
}

// readTail reads at most limit bytes from the end of a file, and drops the line that is cut by it.
func readTail(f *os.File, limit int64) (text string, cut bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return "", false, err
	}
	from := max(0, info.Size()-limit)
	buf := make([]byte, info.Size()-from)
	n, err := f.ReadAt(buf, from)
	if err != nil && n < len(buf) {
		return "", false, err
	}
	text = string(buf)
	if from > 0 {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text, from > 0, nil
}

// replace puts new contents in the place of a file, so that a reader sees the old or the new.
func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if errClose := f.Close(); err == nil {
		err = errClose
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Add keeps a line, but for one that repeats the last, begins with a blank or holds a secret.
func (h *History) Add(line string) {
	line = strings.TrimRight(line, " \t\r\n")
	if line == "" || line[0] == ' ' || len(line) > maxHistoryLine || strings.ContainsAny(line, "\n\r\x00") || hasSecret(line) {
		return
	}
	if len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	if len(h.lines) > maxHistory {
		h.lines = slices.Delete(h.lines, 0, len(h.lines)-maxHistory)
	}
	if h.path == "" || h.err != nil {
		return
	}
	if err := appendLine(h.path, line); err != nil {
		h.err = fmt.Errorf("writing history %q: %w", h.path, err)
	}
}

// appendLine adds a line to a file in one write.
func appendLine(path, line string) error {
	f, _, err := openLocked(path, os.O_WRONLY|os.O_APPEND, false)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	if errClose := f.Close(); err == nil {
		err = errClose
	}
	return err
}

// openLocked opens a file and locks it, as lock does. If the file was replaced between the two, the new one is meant: what is done to
// the old one is lost, and what is read there is old.
func openLocked(path string, flags int, alone bool) (f *os.File, locked bool, err error) {
	for range 10 {
		f, err := os.OpenFile(path, flags|os.O_CREATE, 0o600)
		if err != nil {
			return nil, false, err
		}
		locked := lock(f, alone)
		current, err := os.Stat(path)
		own, errOwn := f.Stat()
		if err != nil || errOwn != nil || os.SameFile(current, own) {
			return f, locked, nil
		}
		_ = f.Close()
	}
	return nil, false, errors.New("the file is replaced again and again")
}

// Err returns why lines are no longer written to the file, or nil while they are.
func (h *History) Err() error { return h.err }

// Len is the number of lines.
func (h *History) Len() int { return len(h.lines) }

// At is a line; 0 is the oldest.
func (h *History) At(i int) string { return h.lines[i] }

// Search finds the latest line before index before that holds text.
func (h *History) Search(text string, before int) (i int, ok bool) {
	for i := min(before, len(h.lines)) - 1; i >= 0; i-- {
		if strings.Contains(h.lines[i], text) {
			return i, true
		}
	}
	return 0, false
}

// Secret reports whether a line holds, or may hold, a password: it is kept nowhere and shown to nobody.
func Secret(line string) bool { return hasSecret(line) }

// hasSecret reports whether a line holds, or may hold, a password.
func hasSecret(line string) bool {
	args, err := store.SplitLine(line)
	if err != nil { // an open quote: the words are the same but for that
		args = strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\"'", r) })
	}
	if len(args) > 0 {
		if _, err := strconv.Atoi(args[0]); err == nil { // redis-cli reads this as a number of times
			args = args[1:]
		}
	}
	if len(args) < 2 {
		return false
	}
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = strings.ToUpper(a)
	}
	anyOf := func(parts ...string) bool {
		return slices.ContainsFunc(words[1:], func(word string) bool {
			return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(word, part) })
		})
	}
	switch words[0] {
	case "AUTH", "SENTINEL":
		return true
	case "HELLO", "MIGRATE":
		return anyOf("AUTH")
	case "CONFIG":
		return words[1] == "SET" && slices.ContainsFunc(words[2:], secretSetting)
	case "ACL":
		return words[1] == "SETUSER"
	}
	return false
}

// secretSetting reports whether a configuration parameter holds a password, or the name that goes with it.
func secretSetting(name string) bool {
	name = strings.ToUpper(name)
	return strings.Contains(name, "PASS") || strings.Contains(name, "AUTH") || name == "MASTERUSER" || name == "PRIMARYUSER"
}
