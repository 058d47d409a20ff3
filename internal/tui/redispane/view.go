package redispane

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// status is what stands at the prompt's place or above it: a question, the menu, the search; and the prompt itself, last.
func (l *line) view(t *theme.Theme, width int, typing bool) []string {
	if q := l.question; q != nil {
		rows := []string{t.Warn.Render("! " + draw.Cut(q.text, width-2))}
		for _, d := range q.details {
			rows = append(rows, t.Text.Render("  "+draw.Cut(d, width-2)))
		}
		return append(rows, t.Accent.Render("  y")+t.Text.Render(" send   ")+t.Accent.Render("n")+t.Text.Render(" do not"))
	}
	if w := l.work; w != nil {
		text := "…"
		if took := l.o.Clock().Sub(w.begun); took >= 0 && w.stream == nil && took.Seconds() >= 1 {
			text = fmt.Sprintf("… %s for %s; esc cancels", safe(w.args[0]), draw.Age(took))
		} else if w.stream != nil {
			text = "… " + safe(w.args[0]) + "; esc ends it"
		}
		return []string{t.Muted.Render(draw.Cut(text, width))}
	}
	if s := l.search; s != nil {
		match := ""
		if s.found < l.o.History.Len() {
			match = safe(l.o.History.At(s.found))
		}
		return []string{draw.Cut(t.Muted.Render("(reverse-i-search)`")+t.Match.Render(s.text)+t.Muted.Render("': ")+t.Text.Render(match), width)}
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
		widest = max(widest, draw.Width(safe(i.text)))
	}
	widest = min(widest, max(width/2, 8))
	first := max(min(m.chosen-menuRows+1, len(m.items)-menuRows), 0)
	var rows []string
	for n := first; n < min(first+menuRows, len(m.items)); n++ {
		text := draw.Left(safe(m.items[n].text), widest) + "  " + m.items[n].note
		if n == m.chosen {
			rows = append(rows, t.Selected.Render(draw.Cut("› "+text, width)))
		} else {
			rows = append(rows, t.Muted.Render(draw.Cut("  "+text, width)))
		}
	}
	if rest := len(m.items) - first - menuRows; rest > 0 || m.more {
		note := fmt.Sprintf("  %d more", max(rest, 0))
		if m.more {
			note = "  more than can be looked at while you type"
		}
		rows = append(rows, t.Faint.Render(draw.Cut(note, width)))
	}
	return rows
}

// promptView is the line that is typed, with what the syntax wants next behind it.
func (l *line) promptView(t *theme.Theme, width int, typing bool) string {
	prompt := l.prompt
	text, _ := l.window(width)
	row := t.Accent.Render(prompt) + t.Text.Render(text)
	if !typing {
		return draw.Cut(t.Muted.Render(prompt)+t.Muted.Render(text), width)
	}
	if hint := l.o.Session.Hint(l.input.Value()); hint != "" && l.input.Position() == len([]rune(l.input.Value())) {
		row += t.Faint.Render(safe(hint))
	}
	return draw.Cut(row, width)
}

// window is the part of the line that is in sight, and the cursor's cell in it.
func (l *line) window(width int) (text string, cursor int) {
	runes := []rune(l.input.Value())
	at := min(l.input.Position(), len(runes))
	room := max(width-draw.Width(l.prompt)-1, 1)
	first := 0
	for first < at && draw.Width(safe(string(runes[first:at]))) > room {
		first++
	}
	return safe(string(runes[first:])), draw.Width(safe(string(runes[first:at])))
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
