package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/traffic"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/modal"
	"stackctl.dev/stackctl/internal/tui/notice"
	"stackctl.dev/stackctl/internal/tui/theme"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

// Model is the dashboard's one tea.Model: it routes messages to the panes, and lays them out.
type Model struct {
	src     Sources
	client  *store.Client
	session *console.Session
	ctx     context.Context // of all commands: ends with the program
	spawn   func(func())    // starts work that the program's end waits for
	works   int             // operations on single containers under way
	clock   func() time.Time
	keys    keys.Map
	themes  theme.Set
	theme   *theme.Theme
	chosen  bool // the user chose the theme

	width, height  int
	splitX, splitY int
	dragging       drag
	focus          layout.Pane
	zoom           bool
	mouseFree      bool // the mouse is left to the terminal

	state     watch.State
	known     bool // a first state came
	lastEvent watch.Event
	requests  *traffic.Window
	storeErr  error         // why Redis does not answer
	visited   chan struct{} // the counter may have changed
	standing  Standing

	panes  []shown
	places []layout.Place
	fronts layout.Fronts
	visits *visitpane.Pane // one of the panes: header, reset and JSON have its numbers too

	changed bool // what is shown, since the last frame
	frame   string

	modal  modal.Modal
	job    *modal.Job // the last one, shown or hidden
	notice notice.Msg
	notes  int // notices so far: tells an older timer from that of the notice shown
	crash  *crashedMsg
}

var _ tea.Model = (*Model)(nil)

// Options are how the dashboard begins.
type Options struct {
	Focus  string // a pane, as Names has it; "" is the first
	Zoom   bool
	Themes theme.Set
	// Light chooses the light theme; nil asks the terminal.
	Light *bool
	Clock func() time.Time // nil means time.Now
}

// newModel makes the model. The client is for the counter, the session for the console.
func newModel(ctx context.Context, src Sources, client *store.Client, session *console.Session, o Options) *Model {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	m := &Model{
		src: src, client: client, session: session, ctx: ctx, spawn: func(work func()) { go work() }, clock: o.Clock, keys: keys.Default(),
		themes: o.Themes, theme: o.Themes.For(o.Light == nil || !*o.Light), chosen: o.Light != nil,
		focus: max(named(o.Focus), 0), zoom: o.Zoom, requests: &traffic.Window{Clock: o.Clock}, visited: make(chan struct{}, 1),
	}
	if src.Operator == nil {
		m.keys.ReadOnly()
	}
	m.openPanes()
	return m
}

// Init asks the terminal for its background, unless the user has chosen a theme.
func (m *Model) Init() tea.Cmd {
	if m.chosen {
		return nil
	}
	return tea.RequestBackgroundColor
}

// screen is the present division of the screen.
func (m *Model) screen() layout.Screen {
	return layout.Arrange(layout.Want{
		Width: m.width, Height: m.height, Focus: m.focus, Zoom: m.zoom, Places: m.places, Fronts: m.fronts, Rows: len(m.state.Containers), SplitX: m.splitX, SplitY: m.splitY,
	})
}

// condition is the stack in one word.
func (m *Model) condition() watch.Condition {
	if !m.known {
		return "connecting"
	}
	return m.state.Overall()
}

// lookAgain causes the counter to be read soon. It may be called from any goroutine.
func (m *Model) lookAgain() {
	select {
	case m.visited <- struct{}{}:
	default: // it will be
	}
}
