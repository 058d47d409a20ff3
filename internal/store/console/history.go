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
	// maxHistory is the number of lines of a History, and about that of its file.
	maxHistory = 1000
	// maxHistoryFile bounds how much of a file is read, in case another program wrote into it.
	maxHistoryFile = 4 << 20
	// maxHistoryLine bounds a line: nobody searches for a long pasted value.
	maxHistoryLine = 4 << 10
)

// History is the lines that were typed, in memory and in a file that only its owner can read. Neither has lines with secrets. A History
// is not safe for concurrent use; processes may share the file.
type History struct {
	path  string // "" is memory only
	lines []string
	err   error
}

// OpenHistory reads the lines of a file, which need not exist yet; path "" keeps them in memory only. If there is an error, the returned
// History works too, in memory only.
func OpenHistory(path string) (*History, error) {
	if path == "" {
		return &History{}, nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // trimming replaces the file, not the link to it
	}
	h := &History{path: path}
	if err := h.load(); err != nil {
		return &History{}, fmt.Errorf("reading history %q: %w", path, err)
	}
	return h, nil
}

// load reads the file, and trims it if it has more than twice the lines that are kept.
func (h *History) load() error {
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	// The lock is held until the file is replaced, so that no process's line is lost; if another process has it, the next start trims.
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
	clean := slices.DeleteFunc(slices.Clone(all), Secret) // another program may have written them
	h.lines = clean[max(0, len(clean)-maxHistory):]
	if locked && (cut || len(all) > 2*maxHistory || len(clean) < len(all)) {
		return replace(h.path, strings.Join(append(slices.Clone(h.lines), ""), "\n"))
	}
	return nil
}

// readTail reads at most limit bytes from the end of a file, without the first line if that is cut.
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

// replace replaces a file's content at once: a reader sees the old or the new one.
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

// Add adds a line, unless it repeats the last one, begins with a blank or contains a secret.
func (h *History) Add(line string) {
	line = strings.TrimRight(line, " \t\r\n")
	if line == "" || line[0] == ' ' || len(line) > maxHistoryLine || strings.ContainsAny(line, "\n\r\x00") || Secret(line) {
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

// openLocked opens a file and locks it with lock. If the file was replaced in between, it opens the new one.
func openLocked(path string, flags int, exclusive bool) (f *os.File, locked bool, err error) {
	for range 10 {
		f, err := os.OpenFile(path, flags|os.O_CREATE, 0o600)
		if err != nil {
			return nil, false, err
		}
		locked := lock(f, exclusive)
		current, err := os.Stat(path)
		own, errOwn := f.Stat()
		if err != nil || errOwn != nil || os.SameFile(current, own) {
			return f, locked, nil
		}
		_ = f.Close()
	}
	return nil, false, errors.New("another program keeps replacing it")
}

// Err returns why lines are no longer written to the file, or nil while they are.
func (h *History) Err() error { return h.err }

// Len returns the number of lines.
func (h *History) Len() int { return len(h.lines) }

// At returns a line; 0 is the oldest.
func (h *History) At(i int) string { return h.lines[i] }

// Search returns the last line before index before that contains text.
func (h *History) Search(text string, before int) (i int, ok bool) {
	for i := min(before, len(h.lines)) - 1; i >= 0; i-- {
		if strings.Contains(h.lines[i], text) {
			return i, true
		}
	}
	return 0, false
}

// Secret reports whether a line may contain a password, so that it must be neither kept nor shown.
func Secret(line string) bool {
	args, err := store.SplitLine(line)
	if err != nil { // a quote is open: split without it
		args = strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\"'", r) })
	}
	if len(args) > 0 {
		if _, err := strconv.Atoi(args[0]); err == nil { // redis-cli repeats the command that often
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

// secretSetting reports whether a configuration parameter holds a password, or the user name that belongs to one.
func secretSetting(name string) bool {
	name = strings.ToUpper(name)
	return strings.Contains(name, "PASS") || strings.Contains(name, "AUTH") || name == "MASTERUSER" || name == "PRIMARYUSER"
}
