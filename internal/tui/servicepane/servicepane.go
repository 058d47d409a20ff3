// Package servicepane lists the containers of the project, a row each.
package servicepane

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
)

// Verb is what a person asks to be done.
type Verb string

// The verbs; the model asks again where one is destructive, and carries it out.
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

// Ask is sent when a person asks for something to be done with a container, or with its service.
type Ask struct {
	Verb      Verb
	Container watch.Container
}

// Pane is the pane.
type Pane struct {
	keys  keys.Map
	clock func() time.Time

	all    []watch.Container
	shown  []watch.Container
	stale  bool
	asOf   time.Time // when they were not stale last
	cursor string    // the ID of the row under it: rows move
	offset int
	sortBy int
	down   bool // descending

	filter    string
	filtering bool
	before    string // the filter to go back to
	width     int    // of the rows at the last View: for a click on a title
}

// New makes a pane.
func New(k keys.Map, clock func() time.Time) *Pane { return &Pane{keys: k, clock: clock} }

// Set takes the containers; stale ones are those last seen before the engine was lost.
func (p *Pane) Set(containers []watch.Container, stale bool) {
	p.all, p.stale = containers, stale
	if !stale {
		p.asOf = p.clock()
	}
	p.arrange()
}

// arrange filters and sorts.
func (p *Pane) arrange() {
	p.shown = p.shown[:0]
	for _, c := range p.all {
		if p.filter == "" || strings.Contains(strings.ToLower(c.Name+" "+c.Service+" "+c.State+" "+c.Health+" "+c.Image), strings.ToLower(p.filter)) {
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
	return termtext.Safe(c.Name)
}

// Capturing reports whether a filter is being typed.
func (p *Pane) Capturing() bool { return p.filtering }

// Hints are the keys that fit the state.
func (p *Pane) Hints() []key.Binding {
	k := p.keys.Services
	if p.filtering {
		return []key.Binding{p.keys.Prompt.Accept, p.keys.Prompt.Cancel}
	}
	return []key.Binding{k.Details, k.Restart, k.Stop, k.Start, k.More, k.Fewer, k.Shell, k.Logs, k.Sort, k.Filter}
}

// Update takes keys and mouse events.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		if p.filtering {
			p.typed(msg)
			return nil
		}
		return p.key(msg)
	case tea.PasteMsg:
		if p.filtering {
			p.filter += strings.TrimSpace(termtext.Safe(msg.Content))
			p.arrange()
		}
	case tea.MouseWheelMsg:
		switch msg.Button {
		case tea.MouseWheelUp:
			p.move(-1)
		case tea.MouseWheelDown:
			p.move(1)
		}
	case tea.MouseClickMsg:
		if i := p.offset + msg.Y - 1; msg.Y >= 1 && i < len(p.shown) { // the first line is the table's head
			p.cursor = p.shown[i].ID
		} else if msg.Y == 0 {
			p.sortAt(msg.X)
		}
	}
	return nil
}

func (p *Pane) key(msg tea.KeyPressMsg) tea.Cmd {
	k := p.keys.Services
	switch {
	case keys.Matches(msg, k.Up):
		p.move(-1)
	case keys.Matches(msg, k.Down):
		p.move(1)
	case keys.Matches(msg, k.Top):
		p.move(-len(p.shown))
	case keys.Matches(msg, k.Bottom):
		p.move(len(p.shown))
	case keys.Matches(msg, k.Sort):
		p.sortBy = (p.sortBy + 1) % len(columns)
		p.arrange()
	case keys.Matches(msg, k.Reverse):
		p.down = !p.down
		p.arrange()
	case keys.Matches(msg, k.Filter):
		p.filtering, p.before = true, p.filter
	case keys.Matches(msg, p.keys.Global.Back):
		p.filter = ""
		p.arrange()
	default:
		return p.ask(msg)
	}
	return nil
}

// ask turns a key into what is to be done with the container under the cursor.
func (p *Pane) ask(msg tea.KeyPressMsg) tea.Cmd {
	k := p.keys.Services
	c, ok := p.Selected()
	if !ok {
		return nil
	}
	for _, b := range []struct {
		binding key.Binding
		verb    Verb
	}{
		{k.Details, Details}, {k.Restart, Restart}, {k.Stop, Stop}, {k.Start, Start}, {k.More, More}, {k.Fewer, Fewer}, {k.Shell, Shell}, {k.Logs, Logs},
	} {
		if keys.Matches(msg, b.binding) {
			return func() tea.Msg { return Ask{Verb: b.verb, Container: c} }
		}
	}
	return nil
}

// typed edits the filter.
func (p *Pane) typed(msg tea.KeyPressMsg) {
	switch {
	case keys.Matches(msg, p.keys.Prompt.Cancel):
		p.filter, p.filtering = p.before, false
	case keys.Matches(msg, p.keys.Prompt.Accept):
		p.filtering = false
	case msg.Code == tea.KeyBackspace:
		if r := []rune(p.filter); len(r) > 0 {
			p.filter = string(r[:len(r)-1])
		}
	case msg.String() == "ctrl+u":
		p.filter = ""
	default:
		p.filter += termtext.Safe(msg.Text)
	}
	p.arrange()
}

func (p *Pane) move(by int) {
	if len(p.shown) == 0 {
		return
	}
	p.cursor = p.shown[min(max(max(p.at(), 0)+by, 0), len(p.shown)-1)].ID
}

// Uptime is for how long a container has run; ok is false while it does not.
func uptime(c watch.Container, now time.Time) (d time.Duration, ok bool) {
	return now.Sub(c.StartedAt), c.State == "running" && !c.StartedAt.IsZero()
}

// name is service-replica, or the container's own name where that is another one.
func name(c watch.Container) string {
	return draw.Plain(termtext.Safe(fmt.Sprintf("%s-%d", c.Service, c.Number)))
}

func usage(c watch.Container) watch.Usage {
	if c.Usage == nil {
		return watch.Usage{}
	}
	return *c.Usage
}

func byUsage[T cmp.Ordered](value func(watch.Usage) T) func(a, b watch.Container) int {
	return func(a, b watch.Container) int { return cmp.Compare(value(usage(a)), value(usage(b))) }
}
