package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Section is the part of the document about one subject.
type Section struct {
	Subject string // its name on the command line
	Title   string
	Commit  string // what was measured
	Facts   []Fact
	Body    string // tables
	Reading string // how to read them
}

// Fact is what a reader has to know about the machine or the measurement.
type Fact struct{ Name, Value string }

// Text is the section in Markdown; args are those of the command that measured.
func (s Section) Text(args []string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "## %s\n\nWritten by `%s` at commit %s; `make bench BENCH_FLAGS='-o docs/benchmarks.md %s'` writes it again.\n\n", s.Title, command(args), s.Commit, s.Subject)
	for _, f := range s.Facts {
		fmt.Fprintf(&text, "- %s: %s\n", f.Name, f.Value)
	}
	fmt.Fprintf(&text, "\n%s\n%s", s.Body, s.Reading)
	return text.String()
}

// Write writes a section into a document: it replaces the one with its title, or is appended. Other sections are not changed.
func Write(path string, args []string, s Section) error {
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = []byte("# Benchmarks\n"), nil
	}
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	parts := strings.Split(strings.TrimRight(string(old), "\n"), "\n## ")
	at := slices.IndexFunc(parts, func(part string) bool { return strings.HasPrefix(part, s.Title+"\n") })
	if at < 0 {
		at, parts = len(parts), append(parts, "")
	}
	parts[at] = strings.TrimPrefix(s.Text(args), "## ")
	for i, part := range parts {
		parts[i] = strings.TrimRight(part, "\n") + "\n"
	}
	return os.WriteFile(path, []byte(strings.Join(parts, "\n## ")), 0o644)
}

// command returns the command of a measurement.
func command(args []string) string {
	words := []string{"go run ./bench"}
	for _, arg := range args {
		if strings.ContainsAny(arg, " |$*()") {
			arg = "'" + arg + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
