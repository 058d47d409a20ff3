package draw

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"stackctl.dev/stackctl/internal/tui/theme"
)

// Fit makes lines exactly height lines of exactly width cells: too long ones are cut, missing ones are blank.
func Fit(lines []string, width, height int) []string {
	fitted := make([]string, max(height, 0))
	for i := range fitted {
		if i < len(lines) {
			fitted[i] = Left(lines[i], width)
		} else {
			fitted[i] = blanks(width)
		}
	}
	return fitted
}

// Rows joins lines that Fit has made.
func Rows(lines []string) string { return strings.Join(lines, "\n") }

// Frame is the border of a pane.
type Frame struct {
	Title   string // at the left end of the upper border, such as "3 logs"
	Status  string // at its right end
	Footer  string // at the right end of the lower border
	Focused bool
}

// Box frames lines into width x height cells, border included. Below 2 x 2 cells there is nothing but blanks.
func Box(t *theme.Theme, f Frame, lines []string, width, height int) string {
	if width < 2 || height < 2 {
		return Rows(Fit(nil, width, height))
	}
	border, title := t.Faint, t.Muted
	horizontal, vertical, corners := "─", "│", [4]string{"╭", "╮", "╰", "╯"}
	if f.Focused { // a heavier line as well as another colour
		border, title = t.Accent, t.Title
		horizontal, vertical, corners = "━", "┃", [4]string{"┏", "┓", "┗", "┛"}
	}
	inner := width - 2
	rows := make([]string, 0, height)
	rows = append(rows, border.Render(corners[0])+edge(border, title, horizontal, f.Title, f.Status, inner)+border.Render(corners[1]))
	side := border.Render(vertical)
	for _, line := range Fit(lines, inner, height-2) {
		rows = append(rows, side+line+side)
	}
	rows = append(rows, border.Render(corners[2])+edge(border, t.Muted, horizontal, "", f.Footer, inner)+border.Render(corners[3]))
	return Rows(rows)
}

// edge draws a horizontal border with text in it: left gets the room first.
func edge(border, text lipgloss.Style, line, left, right string, width int) string {
	label := func(s string, room int) string {
		if s == "" || room < 5 {
			return ""
		}
		return " " + Cut(s, room-2) + " "
	}
	l := label(left, width-2)
	r := label(right, width-2-Width(l))
	fill := width - Width(l) - Width(r)
	if l == "" && r == "" {
		return border.Render(strings.Repeat(line, width))
	}
	// One piece of line before each label, so that it does not touch the corner.
	before, after := min(1, fill), 0
	if r != "" {
		after = min(1, fill-before)
	}
	middle := fill - before - after
	out := border.Render(strings.Repeat(line, before))
	if l != "" {
		out += text.Render(l)
	}
	out += border.Render(strings.Repeat(line, max(middle, 0)))
	if r != "" {
		out += text.Render(r) + border.Render(strings.Repeat(line, after))
	}
	return out
}

// List draws the rows of a list that fit, the chosen one among them and marked.
func List(t *theme.Theme, n, chosen, width, height int, text func(i int) string) []string {
	var lines []string
	first := max(min(chosen-height+1, n-height), 0)
	for i := first; i < min(first+height, n); i++ {
		if i == chosen {
			lines = append(lines, t.Selected.Render(Left("› "+text(i), width)))
		} else {
			lines = append(lines, t.Text.Render(Cut("  "+text(i), width)))
		}
	}
	return lines
}

// Splice replaces w cells of line from x on by part, which is w cells wide. Styles do not leak over the seams, and a wide
// character that a seam cuts becomes a blank.
func Splice(line, part string, x, w int) string {
	end := Width(line)
	left := ansi.Truncate(line, x, "")
	right := ansi.Cut(line, x+w, end)
	if Width(right) > end-x-w {
		right = ansi.Cut(line, x+w+1, end)
		right = blanks(end-x-w-Width(right)) + right
	}
	return left + blanks(x-Width(left)) + ansi.ResetStyle + part + ansi.ResetStyle + right
}
