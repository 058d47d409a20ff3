package tui

import (
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/layout"
)

// drag is which divider the mouse holds.
type drag uint8

const (
	dragNone drag = iota
	dragX
	dragY
)

// mouse gives an event to the pane under it, in that pane's own coordinates; a click focuses it. Dividers can be dragged.
func (m *Model) mouse(msg tea.MouseMsg) tea.Cmd {
	if m.modal != nil {
		return m.toModal(msg)
	}
	s := m.screen()
	at := msg.Mouse()
	switch msg.(type) {
	case tea.MouseReleaseMsg:
		m.dragging = dragNone
		return nil
	case tea.MouseMotionMsg:
		m.drag(s, at)
		return nil
	case tea.MouseClickMsg:
		if m.grab(s, at) {
			return nil
		}
	}
	pane, ok := s.At(at.X, at.Y)
	if !ok {
		return nil
	}
	inside := s.Panes[pane]
	at.X, at.Y = at.X-inside.X-1, at.Y-inside.Y-1
	switch msg.(type) {
	case tea.MouseClickMsg:
		m.focus = pane
		return m.toPane(pane, tea.MouseClickMsg(at))
	case tea.MouseWheelMsg:
		return m.toPane(pane, tea.MouseWheelMsg(at))
	}
	return nil
}

// grab takes hold of a divider: the border of the pane behind it.
func (m *Model) grab(s layout.Screen, at tea.Mouse) bool {
	switch {
	case at.Button != tea.MouseLeft:
		return false
	case s.DividerX >= 0 && (at.X == s.DividerX || at.X == s.DividerX-1) && at.Y < s.Hints.Y && at.Y >= s.Header.H:
		m.dragging = dragX
	case s.DividerY >= 0 && at.Y == s.DividerY:
		m.dragging = dragY
	default:
		return false
	}
	return true
}

// drag moves the divider that is held to the mouse.
func (m *Model) drag(s layout.Screen, at tea.Mouse) {
	switch m.dragging {
	case dragX:
		m.splitX += at.X - s.DividerX
	case dragY:
		m.splitY += at.Y - s.DividerY
	}
	// What the layout did not grant is not remembered: the way back would begin with a stretch without effect.
	if now := m.screen(); now.DividerX == s.DividerX && m.dragging == dragX && at.X != s.DividerX {
		m.splitX -= at.X - s.DividerX
	} else if now.DividerY == s.DividerY && m.dragging == dragY && at.Y != s.DividerY {
		m.splitY -= at.Y - s.DividerY
	}
}
