// Package servicepane lists the containers of the project, a row each.
package servicepane

import (
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/field"
	"stackctl.dev/stackctl/internal/tui/keys"
)

// Verb is what the user asks for.
type Verb string

// The verbs; the model carries them out, after a question where one stops something.
const (
	Details Verb = "details"
	Restart Verb = "restart"
	Stop    Verb = "stop"
	Start   Verb = "start"
	More    Verb = "more"
	Fewer   Verb = "fewer"
	Shell   Verb = "shell"
	Logs    Verb = "logs"
)

// Bound is a verb with its key.
type Bound struct {
	Key  key.Binding
	Verb Verb
}

// Verbs are all verbs, in the order of the help.
func Verbs(k keys.Services) []Bound {
	return []Bound{{k.Details, Details}, {k.Restart, Restart}, {k.Stop, Stop}, {k.Start, Start}, {k.More, More}, {k.Fewer, Fewer}, {k.Shell, Shell}, {k.Logs, Logs}}
}

// Ask is sent when the user asks for something to be done with a container, or with its service.
type Ask struct {
	Verb      Verb
	Container watch.Container
}

// Pane is the pane.
type Pane struct {
	title string
	keys  keys.Map
	clock func() time.Time

	all    []watch.Container
	shown  []watch.Container
	stale  bool
	asOf   time.Time // when they were last not stale
	cursor string    // the ID of the row under it: rows move
	offset int
	sortBy int
	down   bool // descending

	filter    field.Field
	filtering bool
	before    string // the filter to go back to
	width     int    // of the rows at the last View: for a click on a title
}

// New makes a pane.
func New(title string, k keys.Map, clock func() time.Time) *Pane {
	return &Pane{title: title, keys: k, clock: clock, filter: field.New("", maxFilter)}
}

// maxFilter bounds what is typed.
const maxFilter = 512

// set takes the containers; stale ones are those last seen before the engine was lost.
func (p *Pane) set(containers []watch.Container, stale bool) {
	p.all, p.stale = containers, stale
	if !stale {
		p.asOf = p.clock()
	}
	p.arrange()
}

// arrange filters and sorts.
func (p *Pane) arrange() {
	p.shown = p.shown[:0]
	filter := strings.ToLower(p.filter.Value())
	for _, c := range p.all {
		if strings.Contains(strings.ToLower(c.Name+" "+c.Service+" "+c.State+" "+c.Health+" "+c.Image), filter) {
			p.shown = append(p.shown, c)
		}
	}
	if compare := columns[p.sortBy].compare; compare != nil {
		slices.SortStableFunc(p.shown, func(a, b watch.Container) int {
			if p.down {
				a, b = b, a
			}
			return compare(a, b)
		})
	}
	if p.at() < 0 && len(p.shown) > 0 {
		p.cursor = p.shown[0].ID
	}
}

func (p *Pane) sort(column int, down bool) {
	p.sortBy, p.down = column, down
	p.arrange()
}

func (p *Pane) at() int {
	return slices.IndexFunc(p.shown, func(c watch.Container) bool { return c.ID == p.cursor })
}

// Selected returns the container under the cursor.
func (p *Pane) Selected() (watch.Container, bool) {
	if i := p.at(); i >= 0 {
		return p.shown[i], true
	}
	return watch.Container{}, false
}

// Selection is what is copied: the container's name.
func (p *Pane) Selection() string {
	c, _ := p.Selected()
	return draw.Safe(c.Name)
}

// Capturing reports whether a filter is being typed.
func (p *Pane) Capturing() bool { return p.filtering }

// Takes is for other panes.
func (p *Pane) Takes(tea.KeyPressMsg) bool { return false }

// Cursor is nowhere: the filter has a mark.
func (p *Pane) Cursor() *tea.Cursor { return nil }

// Hints are the keys that fit the state.
func (p *Pane) Hints() []key.Binding {
	k := p.keys.Services
	if p.filtering {
		return []key.Binding{p.keys.Prompt.Accept, p.keys.Prompt.Cancel}
	}
	return []key.Binding{k.Details, k.Restart, k.Stop, k.Start, k.More, k.Fewer, k.Shell, k.Logs, k.Sort, k.Filter}
}

// Update takes the state of the containers, keys and mouse events.
func (p *Pane) Update(msg tea.Msg) (cmd tea.Cmd, changed bool) {
	switch msg := msg.(type) {
	case watch.State:
		p.set(msg.Containers, msg.Err != nil)
	case tea.KeyPressMsg:
		if !p.filtering {
			return p.press(msg), true
		}
		p.typed(msg)
	case tea.PasteMsg:
		if p.filtering {
			p.filter.Type(msg)
			p.arrange()
		}
	case tea.MouseWheelMsg:
		p.move(keys.Wheel(msg))
	case tea.MouseClickMsg:
		if i := p.offset + msg.Y - 1; msg.Y >= 1 && i < len(p.shown) { // the first line is the table's head
			p.cursor = p.shown[i].ID
		} else if msg.Y == 0 {
			p.sortAt(msg.X)
		}
	default:
		return nil, false
	}
	return nil, true
}

// actions are the keys of the pane, in the order of the help.
func (p *Pane) actions() []keys.Action {
	k := p.keys.Services
	actions := []keys.Action{
		keys.Do(k.Up, func() { p.move(-1) }), keys.Do(k.Down, func() { p.move(1) }),
		keys.Do(k.Top, func() { p.move(-len(p.shown)) }), keys.Do(k.Bottom, func() { p.move(len(p.shown)) }),
	}
	for _, a := range Verbs(k) {
		actions = append(actions, keys.Action{Key: a.Key, Run: func() tea.Cmd { return p.ask(a.Verb) }})
	}
	return append(actions,
		keys.Do(k.Sort, func() { p.sort((p.sortBy+1)%len(columns), p.down) }),
		keys.Do(k.Reverse, func() { p.sort(p.sortBy, !p.down) }),
		keys.Do(k.Filter, func() {
			p.filtering, p.before = true, p.filter.Value()
			p.filter.CursorEnd()
		}),
	)
}

// Keys are all of the pane.
func (p *Pane) Keys() []key.Binding { return keys.Of(p.actions()) }

// ask asks for something to be done with the container under the cursor.
func (p *Pane) ask(v Verb) tea.Cmd {
	c, ok := p.Selected()
	if !ok {
		return nil
	}
	return func() tea.Msg { return Ask{Verb: v, Container: c} }
}

func (p *Pane) press(msg tea.KeyPressMsg) tea.Cmd {
	if keys.Matches(msg, p.keys.Global.Back) {
		p.filter.Reset()
		p.arrange()
	}
	cmd, _ := keys.Press(msg, p.actions())
	return cmd
}

// typed edits the filter.
func (p *Pane) typed(msg tea.KeyPressMsg) {
	switch {
	case keys.Matches(msg, p.keys.Prompt.Cancel):
		p.filter.SetValue(p.before)
		p.filtering = false
	case keys.Matches(msg, p.keys.Prompt.Accept):
		p.filtering = false
	default:
		p.filter.Type(msg)
	}
	p.arrange()
}

func (p *Pane) move(by int) {
	if len(p.shown) == 0 {
		return
	}
	p.cursor = p.shown[min(max(max(p.at(), 0)+by, 0), len(p.shown)-1)].ID
}
