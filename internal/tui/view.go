package tui

import (
	"fmt"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/modal"
	"stackctl.dev/stackctl/internal/tui/notice"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// View draws the screen.
func (m *Model) View() tea.View {
	if m.changed || m.frame == "" {
		m.frame, m.changed = m.content(), false
	}
	v := tea.NewView(m.frame)
	v.AltScreen = true
	v.WindowTitle = "stackctl " + termtext.Safe(m.src.Project)
	if !m.mouseFree {
		v.MouseMode = tea.MouseModeCellMotion
	}
	v.Cursor = m.cursor()
	return v
}

func (m *Model) content() string {
	s := m.screen()
	switch {
	case m.width <= 0 || m.height <= 0:
		return ""
	case s.TooSmall:
		return m.tooSmallView()
	}
	body := m.body(s)
	if m.modal != nil {
		height := s.Hints.Y - s.Header.H
		body = modal.Over(body, m.modal.View(m.theme, m.width-4, height-2), m.width, height)
	}
	return draw.Rows(draw.Fit(m.header(s.Header.H), m.width, s.Header.H)) + "\n" + body + "\n" + draw.Left(m.hintLine(), m.width)
}

// tooSmallView says what it needs, as far as there is room to say it.
func (m *Model) tooSmallView() string {
	lines := []string{
		"too small",
		fmt.Sprintf("%dx%d, needs %dx%d", m.width, m.height, layout.MinWidth, layout.MinHeight),
		signOf(m.condition()) + " " + string(m.condition()),
		m.visits.InWords(),
		"q quits",
	}
	return draw.Rows(draw.Fit(lines, m.width, m.height))
}

// body puts the panes side by side, row by row.
func (m *Model) body(s layout.Screen) string {
	height := s.Hints.Y - s.Header.H
	rows := make([][]piece, height)
	for p, r := range s.Panes {
		picture := m.picture(layout.Pane(p), r) // also of a pane without room: the logs count the lines that nobody sees
		if r.Empty() {
			continue
		}
		for i, line := range strings.Split(picture, "\n") {
			if y := r.Y - s.Header.H + i; y < height {
				rows[y] = append(rows[y], piece{r.X, line})
			}
		}
	}
	var b strings.Builder
	for y, pieces := range rows {
		if y > 0 {
			b.WriteByte('\n')
		}
		slices.SortFunc(pieces, func(a, b piece) int { return a.x - b.x })
		for _, p := range pieces {
			b.WriteString(p.line)
		}
	}
	return b.String()
}

// piece is one pane's part of a row.
type piece struct {
	x    int
	line string
}

func (m *Model) cursor() *tea.Cursor {
	s := m.screen()
	if m.modal != nil || s.TooSmall || s.Panes[m.focus].Empty() {
		return nil
	}
	c := m.focused().Cursor()
	if c != nil {
		c.X, c.Y = c.X+s.Panes[m.focus].X, c.Y+s.Panes[m.focus].Y
	}
	return c
}

// hintLine is a notice while there is one, else the keys that fit the focus, as many as there is room for; ? is always among them.
func (m *Model) hintLine() string {
	t := m.theme
	if m.notice.Text != "" {
		switch m.notice.Level {
		case notice.Bad:
			return " " + t.Bad.Render("✖ "+m.notice.Text)
		case notice.Warn:
			return " " + t.Warn.Render("! "+m.notice.Text)
		}
		return " " + t.Good.Render("✔ "+m.notice.Text)
	}
	always := []key.Binding{m.keys.Global.Help, m.keys.Global.Palette, m.keys.Global.Quit}
	hints := m.hints()
	if m.modal != nil || m.focused().Capturing() {
		always = nil
	}
	line, width := "", m.width-1
	tail := hintText(t, always)
	for _, b := range hints {
		next := hintText(t, []key.Binding{b})
		if next == "" || draw.Width(line)+draw.Width(next)+draw.Width(tail)+4 > width {
			continue
		}
		line += next + t.Faint.Render(" · ")
	}
	return " " + strings.TrimSuffix(line+tail, t.Faint.Render(" · "))
}

func hintText(t *theme.Theme, bindings []key.Binding) string {
	parts := make([]string, 0, len(bindings))
	for _, b := range bindings {
		if b.Enabled() {
			parts = append(parts, t.Accent.Render(b.Help().Key)+t.Muted.Render(" "+b.Help().Desc))
		}
	}
	return strings.Join(parts, t.Faint.Render(" · "))
}

func (m *Model) hints() []key.Binding {
	if m.modal != nil {
		return m.modal.Hints()
	}
	g, hints, capturing := m.keys.Global, m.focused().Hints(), m.focused().Capturing()
	switch {
	case capturing:
		return hints
	case m.known && m.state.Err == nil && len(m.state.Containers) == 0:
		return []key.Binding{g.Up, g.Next}
	case hints != nil:
		return append(hints, g.Next)
	}
	return []key.Binding{g.Next, g.Reset, g.UndoReset, g.Open, g.Zoom, g.Copy, g.Mouse, g.Down}
}
