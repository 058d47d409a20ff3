// Package report turns what was measured into the tables and sections of docs/benchmarks.md.
package report

import (
	"fmt"
	"slices"
	"strings"
)

// The columns that bars and multiples are about.
const (
	Stackctl = "stackctl"
	Floor    = "the floor"
)

// Column is one contender, and what has to be known about it.
type Column struct{ Name, Note string }

// Table has a row for each measure and a column for each contender.
type Table struct {
	Runs     int
	Rows     []*Row
	Columns  []Column
	Skipped  []string // what is missing here, and why
	failures []string
}

// Record records a sample, and returns it as text.
func (t *Table) Record(key, column string, value float64) string {
	r := t.row(key)
	r.samples[column] = append(r.samples[column], value)
	return " " + key + " " + r.unit.Format(value) + ","
}

// Fail records that there is no sample.
func (t *Table) Fail(key, column, when, reason string) {
	r := t.row(key)
	r.failed[column] = true
	t.failures = append(t.failures, fmt.Sprintf("%s, %s, %s: %s", column, r.title, when, reason))
}

// Median is that of stackctl in a row. There must be a sample.
func (t *Table) Median(key string) float64 { return Median(t.row(key).samples[Stackctl]) }

// SetBar gives a row a bar that follows from another measurement.
func (t *Table) SetBar(key string, b Bar) { t.row(key).bars = []Bar{b} }

func (t *Table) row(key string) *Row {
	return t.Rows[slices.IndexFunc(t.Rows, func(r *Row) bool { return r.key == key })]
}

// String is the table with its footnotes, in Markdown.
func (t *Table) String() string {
	var notes []string
	head := []string{fmt.Sprintf("median of %d (min..max), × stackctl", t.Runs)}
	for _, c := range t.Columns {
		name := c.Name
		if c.Note != "" {
			notes = append(notes, c.Note)
			name += fmt.Sprintf(" [%d]", len(notes))
		}
		head = append(head, name)
	}
	lines := [][]string{append(head, "bar")}
	for _, row := range t.Rows {
		cells := []string{row.title + ", " + string(row.unit)}
		for _, c := range t.Columns {
			cells = append(cells, row.cell(c.Name))
		}
		var verdicts []string
		for _, b := range row.bars {
			verdicts = append(verdicts, row.verdict(b))
		}
		lines = append(lines, append(cells, strings.Join(verdicts, "; ")))
	}
	text := Markdown(lines)
	for i, note := range notes {
		text += fmt.Sprintf("\n%d. %s", i+1, note)
	}
	if len(notes) > 0 {
		text += "\n"
	}
	return text + List("Not measured:", t.Skipped) + List("Failed; the rest of that contender's run was left out:", t.failures)
}

// List is a list with a title, if it has an item.
func List(title string, items []string) string {
	if len(items) == 0 {
		return ""
	}
	return fmt.Sprintf("\n%s\n\n- %s\n", title, strings.Join(items, "\n- "))
}

// Markdown aligns the columns, so that the table is readable as text too.
func Markdown(lines [][]string) string {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var s strings.Builder
	for n, line := range lines {
		for i, cell := range line {
			fmt.Fprintf(&s, "| %-*s ", widths[i], cell)
		}
		s.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i := range line {
			s.WriteString("|" + strings.Repeat("-", widths[i]+1) + map[bool]string{true: "-", false: ":"}[i == 0 || i == len(line)-1])
		}
		s.WriteString("|\n")
	}
	return s.String()
}
