package tui

import (
	"fmt"
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
	if !m.still || m.frame == "" {
		m.frame = m.content()
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
		if r.Empty() {
			if layout.Pane(p) == layout.Logs { // it counts the lines that nobody sees
				_ = m.pane(layout.Logs, r)
			}
			continue
		}
		for i, line := range strings.Split(m.pane(layout.Pane(p), r), "\n") {
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
		if len(pieces) == 2 && pieces[0].x > pieces[1].x {
			pieces[0], pieces[1] = pieces[1], pieces[0]
		}
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

// drawn is a pane as it was drawn last. View runs after every message, most of which concern one pane.
type drawn struct {
	fresh         bool // nothing that the pane shows has changed since
	theme         *theme.Theme
	width, height int
	focused       bool
	text          string
}

func (m *Model) pane(p layout.Pane, r layout.Rect) string {
	want := drawn{fresh: true, theme: m.theme, width: r.W, height: r.H, focused: p == m.focus && m.modal == nil}
	last := &m.drawn[p]
	want.text = last.text
	if *last != want {
		want.text = m.draw(p, want)
		*last = want
	}
	return last.text
}

// stale says that what panes show has changed.
func (m *Model) stale(panes ...layout.Pane) {
	for _, p := range panes {
		m.drawn[p].fresh = false
	}
}

func (m *Model) draw(p layout.Pane, d drawn) string {
	switch p {
	case layout.Visits:
		return m.visits.View(m.theme, d.width, d.height, d.focused)
	case layout.Services:
		return m.services.View(m.theme, d.width, d.height, d.focused)
	case layout.Logs:
		return m.logs.View(m.theme, d.width, d.height, d.focused)
	}
	return m.redis.View(m.theme, d.width, d.height, d.focused)
}

func (m *Model) cursor() *tea.Cursor {
	s := m.screen()
	if m.modal != nil || s.TooSmall || s.Panes[m.focus].Empty() {
		return nil
	}
	var c *tea.Cursor
	switch m.focus {
	case layout.Logs:
		c = m.logs.Cursor()
	case layout.Redis:
		c = m.redis.Cursor()
	}
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
	if m.modal != nil || m.capturing() {
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
	g := m.keys.Global
	if m.known && m.state.Err == nil && len(m.state.Containers) == 0 && !m.capturing() {
		return []key.Binding{g.Up, g.Next}
	}
	var hints []key.Binding
	switch m.focus {
	case layout.Services:
		hints = m.services.Hints()
	case layout.Logs:
		hints = m.logs.Hints()
	case layout.Redis:
		hints = m.redis.Hints()
	}
	switch {
	case m.capturing():
		return hints
	case hints != nil:
		return append(hints, g.Next)
	}
	return []key.Binding{g.Next, g.Reset, g.UndoReset, g.Open, g.Zoom, g.Copy, g.Mouse, g.Down}
}
