package main

import (
	"fmt"
	"slices"
	"strings"
)

// report is a finished measurement.
type report struct {
	*bench
	facts  []fact
	commit string
	// The sections that were measured.
	dash, changes *report
	count         *counting
}

// text is what goes to standard output: the machine, the table, the footnotes.
func (r *report) text() string {
	var s strings.Builder
	if len(r.contenders) > 0 {
		for _, f := range r.facts {
			fmt.Fprintf(&s, "- %s: %s\n", f.name, f.value)
		}
		fmt.Fprintf(&s, "\n%s\n%s", r.table(), r.footnotes())
	}
	if r.dash != nil {
		fmt.Fprintf(&s, "\n%s\n%s", dashTitle, r.dash.text())
	}
	if r.changes != nil {
		fmt.Fprintf(&s, "\n%s\n%s", changesTitle, r.changes.text())
	}
	if r.count != nil {
		fmt.Fprintf(&s, "\n%s\n", r.count.section(r.command()))
	}
	return s.String()
}

// table has a row for each measure and a column for each contender.
func (r *report) table() string {
	notes := r.uniqueNotes()
	head := []string{fmt.Sprintf("median of %d (min..max), × stackctl", r.runs)}
	for _, c := range r.contenders {
		name := c.name
		if i := slices.Index(notes, c.note); i >= 0 {
			name += fmt.Sprintf(" [%d]", i+1)
		}
		head = append(head, name)
	}
	lines := [][]string{append(head, "bar")}
	for _, row := range r.rows {
		cells := []string{row.title + ", " + string(row.unit)}
		for _, c := range r.contenders {
			cells = append(cells, row.cell(c.name))
		}
		var verdicts []string
		for _, b := range row.bars {
			verdicts = append(verdicts, row.verdict(b))
		}
		lines = append(lines, append(cells, strings.Join(verdicts, "; ")))
	}
	return markdown(lines)
}

// markdown aligns the columns, so that the table is readable as text too.
func markdown(lines [][]string) string {
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

// uniqueNotes lists the contenders' notes, each once.
func (r *report) uniqueNotes() []string {
	var notes []string
	for _, c := range r.contenders {
		if c.note != "" && !slices.Contains(notes, c.note) {
			notes = append(notes, c.note)
		}
	}
	return notes
}

func (r *report) footnotes() string {
	var s strings.Builder
	for i, note := range r.uniqueNotes() {
		fmt.Fprintf(&s, "%d. %s\n", i+1, note)
	}
	var failures []string
	for _, row := range r.rows {
		for _, c := range r.contenders {
			failures = append(failures, row.failures[c.name]...)
		}
	}
	for _, list := range []struct {
		title string
		items []string
	}{{"Not measured:", r.skipped}, {"Failed; the rest of that contender's run was left out:", failures}} {
		if len(list.items) == 0 {
			continue
		}
		fmt.Fprintf(&s, "\n%s\n\n", list.title)
		for _, item := range list.items {
			fmt.Fprintf(&s, "- %s\n", item)
		}
	}
	return s.String()
}
