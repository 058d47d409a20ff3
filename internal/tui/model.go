package tui

import (
	"context"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/traffic"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/logpane"
	"stackctl.dev/stackctl/internal/tui/modal"
	"stackctl.dev/stackctl/internal/tui/notice"
	"stackctl.dev/stackctl/internal/tui/redispane"
	"stackctl.dev/stackctl/internal/tui/servicepane"
	"stackctl.dev/stackctl/internal/tui/theme"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

// Model is the dashboard's one tea.Model: it routes messages to the panes, and lays them out.
type Model struct {
	src    Sources
	client *store.Client
	ctx    context.Context // of all commands: ends with the program
	spawn  func(func())    // starts work that the program's end waits for
	works  int             // operations on single containers under way
	clock  func() time.Time
	keys   keys.Map
	themes theme.Set
	theme  *theme.Theme
	chosen bool // the theme is the person's choice

	width, height  int
	splitX, splitY int
	dragging       drag
	focus          layout.Pane
	zoom           bool
	mouseFree      bool // the mouse is the terminal's

	state     watch.State
	known     bool // a first state came
	lastEvent watch.Event
	requests  *traffic.Window
	storeErr  error         // why Redis does not answer
	visited   chan struct{} // the counter may have changed

	visits   *visitpane.Pane
	services *servicepane.Pane
	logs     *logpane.Pane
	redis    *redispane.Pane

	drawn [layout.Count]drawn
	still bool // the last message changed nothing that is shown
	frame string

	modal  modal.Modal
	job    *modal.Job // the last one, shown or hidden
	notice notice.Msg
	notes  int // notices so far: tells which one is to be taken down
	crash  *crashedMsg
}

var _ tea.Model = (*Model)(nil)

// Options are how the dashboard begins.
type Options struct {
	Focus  layout.Pane
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
	k := keys.Default()
	requests := &traffic.Window{Clock: o.Clock}
	m := &Model{
		src: src, client: client, ctx: ctx, spawn: func(work func()) { go work() }, clock: o.Clock, keys: k, themes: o.Themes, theme: o.Themes.For(o.Light == nil || !*o.Light), chosen: o.Light != nil,
		focus: o.Focus, zoom: o.Zoom, requests: requests, visited: make(chan struct{}, 1),
		visits: visitpane.New(requests), services: servicepane.New(k, o.Clock),
	}
	m.logs = logpane.New(k, o.Clock)
	m.redis = newRedisPane(ctx, k, session, src, o.Clock)
	if src.Operator == nil {
		m.readOnly()
	}
	return m
}

// readOnly takes away the keys of everything that changes something: they are neither obeyed nor shown.
func (m *Model) readOnly() {
	for _, b := range []*key.Binding{
		&m.keys.Global.Up, &m.keys.Global.Down, &m.keys.Global.Reset, &m.keys.Global.UndoReset,
		&m.keys.Services.Restart, &m.keys.Services.Stop, &m.keys.Services.Start, &m.keys.Services.More, &m.keys.Services.Fewer, &m.keys.Services.Shell,
	} {
		b.SetEnabled(false)
	}
	m.services = servicepane.New(m.keys, m.clock)
}

// Init asks the terminal for its background, unless the person has chosen.
func (m *Model) Init() tea.Cmd {
	if m.chosen {
		return nil
	}
	return tea.RequestBackgroundColor
}

// screen is the present division of the screen.
func (m *Model) screen() layout.Screen {
	return layout.Arrange(layout.Want{
		Width: m.width, Height: m.height, Focus: m.focus, Zoom: m.zoom, Rows: len(m.state.Containers), SplitX: m.splitX, SplitY: m.splitY,
	})
}

// condition is the stack in one word.
func (m *Model) condition() watch.Condition {
	if !m.known {
		return "connecting"
	}
	return m.state.Overall()
}

// lookAgain has the counter read soon. It may be called from any goroutine.
func (m *Model) lookAgain() {
	select {
	case m.visited <- struct{}{}:
	default: // it will be
	}
}
