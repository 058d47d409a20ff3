// Package docstest reads the repository's documents for the tests that compare them with the code. Whatever it expects and does not
// find fails the test, with the place to look at.
package docstest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Root is the folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = filepath.Dir(dir)
	}
}

// Document is a Markdown file of the repository.
type Document struct {
	Name  string // path from the root, such as docs/json.md
	Lines []string
	t     testing.TB
}

// Read reads a document by its path from the root.
func Read(t testing.TB, name string) *Document {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(Root(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return &Document{Name: name, Lines: strings.Split(strings.TrimSuffix(string(content), "\n"), "\n"), t: t}
}

// Section is what stands between a heading and the next one, of whatever level.
type Section struct {
	Heading string // as it is written, without the signs before it
	Level   int    // how many of them
	Lines   []Line
	doc     *Document
}

// Line is a line outside of code blocks.
type Line struct {
	At   string // such as docs/json.md:12
	Text string
}

var heading = regexp.MustCompile(`^(#+) (.*)$`)

// Sections lists the sections; the first is what stands before the first heading.
func (d *Document) Sections() []Section {
	sections := []Section{{doc: d}}
	code := false
	for i, text := range d.Lines {
		if strings.HasPrefix(text, "```") {
			code = !code
			continue
		}
		if code {
			continue
		}
		if m := heading.FindStringSubmatch(text); m != nil {
			sections = append(sections, Section{Heading: m[2], Level: len(m[1]), doc: d})
			continue
		}
		last := &sections[len(sections)-1]
		last.Lines = append(last.Lines, Line{At: fmt.Sprintf("%s:%d", d.Name, i+1), Text: text})
	}
	return sections
}

// Section finds a section by its heading.
func (d *Document) Section(heading string) Section {
	d.t.Helper()
	sections := d.Sections()
	i := slices.IndexFunc(sections, func(s Section) bool { return s.Heading == heading })
	if i < 0 {
		d.t.Fatalf("%s has no heading %q any more: give it one, or change the test that reads it", d.Name, heading)
	}
	return sections[i]
}

// Row is a row of a table.
type Row struct {
	At    string
	Cells []string
}

// Rows are those of all tables of the section whose first column has this head.
func (s Section) Rows(head string) []Row {
	var rows []Row
	wanted := false
	for i, line := range s.Lines {
		cells := cellsOf(line.Text)
		switch {
		case cells == nil:
			wanted = false
		case i+1 < len(s.Lines) && strings.HasPrefix(s.Lines[i+1].Text, "|---"):
			wanted = cells[0] == head
		case wanted && !strings.HasPrefix(line.Text, "|---"):
			rows = append(rows, Row{At: line.At, Cells: cells})
		}
	}
	return rows
}

// Table is Rows where there has to be some.
func (s Section) Table(head string) []Row {
	s.doc.t.Helper()
	rows := s.Rows(head)
	if len(rows) == 0 {
		s.doc.t.Fatalf("%s has no table with a first column %q below %q any more: give it one, or change the test that reads it", s.doc.Name, head, s.Heading)
	}
	return rows
}

// cellsOf splits a row of a table; nil is a line that is none. `\|` is a sign of a cell.
func cellsOf(line string) []string {
	inside, ok := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !ok {
		return nil
	}
	const bar = "\x00"
	cells := strings.Split(strings.TrimSuffix(strings.ReplaceAll(inside, `\|`, bar), "|"), "|")
	for i, cell := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(cell, bar, "|"))
	}
	return cells
}

var span = regexp.MustCompile("`([^`]+)`")

// Code lists what stands between backticks.
func Code(text string) []string {
	var found []string
	for _, m := range span.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// Same fails the test where a document does not name what the code has, or names what it has not. documented says where each name
// stands; where is the place to add one, and what is what the names are of.
func Same(t testing.TB, what, where string, documented map[string]string, has []string) {
	t.Helper()
	for _, name := range has {
		if _, ok := documented[name]; !ok {
			t.Errorf("%s lacks %s %q: add it", where, what, name)
		}
	}
	for name, at := range documented {
		if !slices.Contains(has, name) {
			t.Errorf("%s: there is no %s %q: take it out, or write it as the code has it", at, what, name)
		}
	}
}
