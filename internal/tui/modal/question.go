package modal

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// Question asks before something is done that cannot easily be undone. No is the default.
type Question struct {
	keys    keys.Map
	title   string
	details []string
	yes     tea.Cmd
	scroll  scroller
}

var _ Modal = (*Question)(nil)

// Ask makes a question; details are lines of safe text, and yes is carried out if the answer is yes.
func Ask(k keys.Map, title string, details []string, yes tea.Cmd) *Question {
	return &Question{keys: k, title: title, details: details, yes: yes}
}

// Update takes y for yes; n, esc and enter are no.
func (q *Question) Update(msg tea.Msg) (tea.Cmd, bool) {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil, false
	}
	switch {
	case keys.Matches(press, q.keys.Prompt.Yes):
		return q.yes, true
	case keys.Matches(press, q.keys.Prompt.No, q.keys.Prompt.Cancel, q.keys.Prompt.Accept, q.keys.Global.Quit):
		return nil, true
	}
	return nil, false
}

// Hints are its keys.
func (q *Question) Hints() []key.Binding { return []key.Binding{q.keys.Prompt.Yes, q.keys.Prompt.No} }

// View draws it.
func (q *Question) View(t *theme.Theme, width, height int) string {
	lines := []string{"", " " + t.Text.Bold(true).Render(draw.Cut(q.title, max(width-6, 1))), ""}
	for _, d := range q.details {
		lines = append(lines, " "+t.Muted.Render(draw.Cut(d, max(width-6, 1))))
	}
	if len(q.details) > 0 {
		lines = append(lines, "")
	}
	lines = append(lines, " "+t.Accent.Render("y")+t.Text.Render(" yes   ")+t.Accent.Render("n")+t.Text.Render(" no "), "")
	return box(t, &q.scroll, "! are you sure?", lines, width, height)
}
