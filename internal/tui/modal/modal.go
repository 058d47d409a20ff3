// Package modal holds what lies over the panes while it is open: help, questions, the palette, details, and the progress of work.
package modal

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// A Modal takes all keys while it is open.
type Modal interface {
	// Update takes a message; done closes the modal.
	Update(msg tea.Msg) (cmd tea.Cmd, done bool)
	// View draws a box of at most width x height cells.
	View(t *theme.Theme, width, height int) string
	Hints() []key.Binding
}

// scroller scrolls through lines that do not all fit.
type scroller struct {
	offset, page, length int
}

func (s *scroller) key(msg tea.Msg, k keys.Logs) bool {
	switch msg := msg.(type) {
	case tea.MouseWheelMsg:
		s.offset += keys.Wheel(msg)
	case tea.KeyPressMsg:
		switch {
		case keys.Matches(msg, k.Up):
			s.offset--
		case keys.Matches(msg, k.Down):
			s.offset++
		case keys.Matches(msg, k.PageUp):
			s.offset -= s.page
		case keys.Matches(msg, k.PageDown):
			s.offset += s.page
		case keys.Matches(msg, k.Top):
			s.offset = 0
		case keys.Matches(msg, k.Bottom):
			s.offset = s.length
		default:
			return false
		}
	default:
		return false
	}
	s.offset = max(min(s.offset, s.length-s.page), 0)
	return true
}

// window returns the lines in sight, and says in words where they are.
func (s *scroller) window(lines []string, rows int) (seen []string, where string) {
	s.page, s.length = max(rows, 1), len(lines)
	s.offset = max(min(s.offset, len(lines)-s.page), 0)
	end := min(s.offset+s.page, len(lines))
	if len(lines) > s.page {
		where = draw.Count(s.offset+1) + "-" + draw.Count(end) + " of " + draw.Count(len(lines))
	}
	return lines[s.offset:end], where
}

// box frames lines, as wide as they need within the limits.
func box(t *theme.Theme, s *scroller, title string, lines []string, width, height int) string {
	seen, where := s.window(lines, height-2)
	widest := draw.Width(title) + 6
	for _, line := range lines {
		widest = max(widest, draw.Width(line)+3)
	}
	return draw.Box(t, draw.Frame{Title: title, Footer: where, Focused: true}, seen, min(widest, width), min(len(seen)+2, height))
}

// Over draws box in the middle of base, both of whole lines.
func Over(base, box string, width, height int) string {
	under, over := strings.Split(base, "\n"), strings.Split(box, "\n")
	w := draw.Width(over[0])
	x, y := max((width-w)/2, 0), max((height-len(over))/2, 0)
	for i, line := range over {
		if y+i < len(under) {
			under[y+i] = draw.Splice(under[y+i], line, x, w)
		}
	}
	return strings.Join(under, "\n")
}
