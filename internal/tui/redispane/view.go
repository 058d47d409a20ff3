package redispane

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// view draws the prompt and what is above it or in its place: a question, a running command, the search, the menu.
func (l *line) view(t *theme.Theme, width int, typing bool) []string {
	if q := l.question; q != nil {
		rows := []string{t.Warn.Render("! " + draw.Cut(q.text, width-2))}
		for _, d := range q.details {
			rows = append(rows, t.Text.Render("  "+draw.Cut(d, width-2)))
		}
		return append(rows, t.Accent.Render("  y")+t.Text.Render(" send   ")+t.Accent.Render("n")+t.Text.Render(" cancel"))
	}
	if w := l.work; w != nil {
		text := "…"
		if took := l.o.Clock().Sub(w.begun); took >= 0 && w.stream == nil && took.Seconds() >= 1 {
			text = fmt.Sprintf("… %s for %s; esc cancels", draw.Safe(w.args[0]), draw.Age(took))
		} else if w.stream != nil {
			text = "… " + draw.Safe(w.args[0]) + "; esc ends it"
		}
		return []string{t.Muted.Render(draw.Cut(text, width))}
	}
	if s := l.search; s != nil {
		match := ""
		if s.found < l.o.History.Len() {
			match = draw.Safe(l.o.History.At(s.found))
		}
		return []string{draw.Cut(t.Muted.Render(searchPrompt)+t.Match.Render(s.input.Value())+t.Muted.Render("': ")+t.Text.Render(match), width)}
	}
	rows := l.menuView(t, width)
	return append(rows, l.promptView(t, width, typing))
}

func (l *line) menuView(t *theme.Theme, width int) []string {
	m := &l.menu
	if !m.open() {
		return nil
	}
	widest := 0
	for _, i := range m.items {
		widest = max(widest, draw.Width(draw.Safe(i.text)))
	}
	widest = min(widest, max(width/2, 8))
	rows := draw.List(t, len(m.items), m.chosen, width, menuRows, func(i int) string {
		return draw.Left(draw.Safe(m.items[i].text), widest) + "  " + m.items[i].note
	})
	below := len(m.items) - max(m.chosen+1, menuRows)
	switch {
	case m.more:
		rows = append(rows, t.Faint.Render(draw.Cut("  there are more keys: type more of the name", width)))
	case below > 0:
		rows = append(rows, t.Faint.Render(draw.Cut(fmt.Sprintf("  %d more", below), width)))
	}
	return rows
}

// promptView is the line being typed, followed by what the syntax expects next.
func (l *line) promptView(t *theme.Theme, width int, typing bool) string {
	prompt := l.prompt
	text, _ := l.input.Window(width - draw.Width(prompt))
	row := t.Accent.Render(prompt) + t.Text.Render(text)
	if !typing {
		return draw.Cut(t.Muted.Render(prompt)+t.Muted.Render(text), width)
	}
	if hint := l.o.Session.Hint(l.input.Value()); hint != "" && l.input.Position() == len([]rune(l.input.Value())) {
		row += t.Faint.Render(draw.Safe(hint))
	}
	return draw.Cut(row, width)
}

const searchPrompt = "(reverse-i-search)`"

// cursor is the cell of the text cursor, in the last row of the view.
func (l *line) cursor(width int) int {
	prompt, input := l.prompt, &l.input
	if l.search != nil {
		prompt, input = searchPrompt, &l.search.input
	}
	_, cell := input.Window(width - draw.Width(prompt))
	return draw.Width(prompt) + cell
}

func styleOf(t *theme.Theme, k kind) lipgloss.Style {
	switch k {
	case echo:
		return t.Muted
	case failure:
		return t.Bad
	case remark:
		return t.Warn
	}
	return t.Text
}

// render styles lines of output for a width.
func render(t *theme.Theme, lines []printed, width int) []string {
	var rows []string
	for _, p := range lines {
		style := styleOf(t, p.kind)
		for _, row := range draw.Wrap(p.text, width) {
			rows = append(rows, style.Render(row))
		}
	}
	return rows
}

func plain(lines []printed) string {
	var b strings.Builder
	for _, p := range lines {
		b.WriteString(p.text + "\n")
	}
	return b.String()
}
