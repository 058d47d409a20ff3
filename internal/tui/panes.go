package tui

import (
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/logpane"
	"stackctl.dev/stackctl/internal/tui/redispane"
	"stackctl.dev/stackctl/internal/tui/servicepane"
	"stackctl.dev/stackctl/internal/tui/theme"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

// A pane is a part of the screen. This, and its registration, is all that the model knows of one.
type pane interface {
	// Update takes keys, pastes and the mouse while the pane has the focus, and every other message of the dashboard: watch.State, watch.Event,
	// visitpane.Count and Unknown, redispane.Connection, those of feed, and what the commands of panes answer. changed says whether it is to be drawn again.
	Update(msg tea.Msg) (cmd tea.Cmd, changed bool)
	// View draws width x height cells, which may be none.
	View(t *theme.Theme, width, height int, focused bool) string
	// Cursor is the cell in which text is typed, if any, in the pane's own coordinates.
	Cursor() *tea.Cursor
	// Keys are all of the pane, for the help; Hints those that fit its state, nil for the dashboard's.
	Keys() []key.Binding
	Hints() []key.Binding
	// Capturing reports whether letters are text; Takes, whether the pane now acts on a key that is the dashboard's.
	Capturing() bool
	Takes(msg tea.KeyPressMsg) bool
	// Selection is what is copied; "" is nothing.
	Selection() string
}

// registration is a pane's name, its place, and how it is made.
type registration struct {
	name  string
	place layout.Place
	open  func(m *Model, title string) pane
}

// registered are the panes, in the order in which tab visits them and the keys from 1 on focus them. Each place has at least one.
var registered = []registration{
	{"visits", layout.TopLeft, func(m *Model, title string) pane { m.visits = openVisits(m, title); return m.visits }},
	{"services", layout.TopRight, func(m *Model, title string) pane { return servicepane.New(title, m.keys, m.clock) }},
	{"logs", layout.Middle, func(m *Model, title string) pane { return logpane.New(title, m.keys, m.clock) }},
	{"redis", layout.Bottom, openRedis},
}

// Names are those of the panes.
func Names() []string {
	var names []string
	for _, r := range registered {
		names = append(names, r.name)
	}
	return names
}

// named is the pane of that name, -1 if there is none.
func named(name string) layout.Pane {
	return layout.Pane(slices.Index(Names(), name))
}

// openVisits makes the counter's pane.
func openVisits(m *Model, title string) *visitpane.Pane {
	return visitpane.New(title, visitpane.Options{Requests: m.requests, Past: m.src.Past, Keys: m.keys, Clock: m.clock})
}

// openRedis makes the console's pane. If the history cannot be read, the console begins with an empty one in memory.
func openRedis(m *Model, title string) pane {
	history, err := console.OpenHistory(m.src.History)
	if err != nil {
		history, _ = console.OpenHistory("")
	}
	return redispane.New(m.ctx, title, m.keys, redispane.Options{Session: m.session, History: history, ReadOnly: m.src.Operator == nil, Clock: m.clock, Sent: m.lookAgain})
}

// shown is a pane with its last picture. View runs after every message, most of which concern one pane.
type shown struct {
	pane
	name  string
	drawn drawn
}

type drawn struct {
	fresh         bool // nothing that the pane shows has changed since
	theme         *theme.Theme
	width, height int
	focused       bool
	text          string
}

// openPanes makes the panes.
func (m *Model) openPanes() {
	for i, r := range registered {
		m.panes = append(m.panes, shown{pane: r.open(m, titleOf(i, r.name)), name: r.name})
		m.places = append(m.places, r.place)
	}
	for i, place := range slices.Backward(m.places) { // the first of a place is in front
		m.fronts[place] = layout.Pane(i)
	}
}

// titleOf is a pane's title: the key that focuses it, and its name.
func titleOf(pane int, name string) string { return keys.Focus(pane, name).Help().Key + " " + name }

// focused is the pane that has the focus.
func (m *Model) focused() pane { return m.panes[m.focus].pane }

// tell gives a message to all panes.
func (m *Model) tell(msg tea.Msg) tea.Cmd {
	cmds := make([]tea.Cmd, 0, len(m.panes))
	for p := range m.panes {
		cmds = append(cmds, m.toPane(layout.Pane(p), msg))
	}
	return tea.Batch(cmds...)
}

func (m *Model) toPane(p layout.Pane, msg tea.Msg) tea.Cmd {
	cmd, changed := m.panes[p].Update(msg)
	if changed {
		m.panes[p].drawn.fresh = false
		m.changed = true
	}
	return cmd
}

// picture draws a pane, if it has changed.
func (m *Model) picture(p layout.Pane, r layout.Rect) string {
	s := &m.panes[p]
	want := drawn{fresh: true, theme: m.theme, width: r.W, height: r.H, focused: p == m.focus && m.modal == nil, text: s.drawn.text}
	if s.drawn != want {
		s.drawn = want
		s.drawn.text = s.View(m.theme, r.W, r.H, want.focused)
	}
	return s.drawn.text
}
