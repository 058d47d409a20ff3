// Package logpane shows the logs of all containers as they come, and finds things in them.
//
//	feed.Batch
//	   |
//	ring     the last lines, each with a number for good (store.go)
//	   |
//	filter   service, level, search (filter.go, search.go)
//	   |
//	index    the numbers of the lines that pass: the list
//	   |
//	spots    the rows of the list on the screen: the newest, or those around the cursor while paused (screen.go)
//	   |
//	cells    drawn by view.go
//
// Over that lie the prompt, in which a search, a time or a file is typed (prompt.go), and the view of one request (request.go, waterfall.go),
// which takes its lines from the ring regardless of the filter.
package logpane

import (
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/feed"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// Pane is the pane. It owns the lines in memory.
type Pane struct {
	title string
	keys  keys.Map
	clock func() time.Time
	began time.Time // lines from before are history, which was not missed

	ring     ring
	index    index
	filter   filter
	services []string // seen, sorted
	names    names

	wrap, stamps, compact bool
	shift                 int // cells to the left of what is shown, when not wrapped

	paused    bool
	cursor    uint64 // when paused: the line under the cursor
	top       spot   // when paused: the first row shown
	seen      uint64 // lines before it were shown, or counted as missed
	missed    int    // lines that were never on the screen, or never came here
	estimated bool   // part of missed is an estimate

	arrived  int // lines since the last tick
	rate     float64
	tickedAt time.Time
	ticking  bool

	lost    string // why no lines come; empty when they do
	prompt  prompt
	request *request

	width, height int // of the inside, as drawn last
	painted       *theme.Theme
	palette       palette // of that theme
}

// New makes a pane that follows.
func New(title string, k keys.Map, clock func() time.Time) *Pane {
	return &Pane{title: title, keys: k, clock: clock, began: clock(), stamps: true, compact: true}
}

// Tick measures the rate, once a second, while lines come.
type Tick struct{}

const tickEvery = time.Second

// Only shows the lines of one service alone; "" shows all.
type Only struct{ Service string }

// Update takes lines, keys and mouse events.
func (p *Pane) Update(msg tea.Msg) (cmd tea.Cmd, changed bool) {
	switch msg := msg.(type) {
	case feed.Batch:
		cmd = p.add(msg)
	case feed.Lost:
		p.lost = draw.Safe(msg.Err.Error())
	case feed.Resumed:
		p.lost = ""
	case Tick:
		cmd = p.measure()
	case Only:
		p.filterService(msg.Service)
	case tea.KeyPressMsg:
		cmd = p.press(msg)
	case tea.PasteMsg:
		if p.prompt.open() {
			cmd = p.typed(msg)
		}
	case tea.MouseWheelMsg:
		p.wheel(msg)
	case tea.MouseClickMsg:
		p.click(msg)
	default:
		return nil, false
	}
	return cmd, true
}

// add takes a batch. Its cost is that of its lines alone.
func (p *Pane) add(b feed.Batch) tea.Cmd {
	p.lost = ""
	p.missed += b.Skipped
	p.estimated = p.estimated || b.Estimated
	p.arrived += b.Skipped
	last := ""
	for _, l := range b.Lines {
		if l.Container != last {
			last = l.Container
			p.know(l.Service)
			p.names.of(&l)
		}
		rec := p.ring.push(l)
		p.request.offer(rec)
		if p.passes(rec) {
			p.index.seqs.push(p.ring.next - 1)
		}
		if !l.Time.Before(p.began) {
			p.arrived++
		} else if !p.paused { // history counts neither for the rate nor as missed
			p.seen = p.ring.next
		}
	}
	p.missed += p.index.dropBelow(p.ring.oldest, p.seen)
	if p.paused {
		p.stay()
	} else {
		p.showNewest()
	}
	if p.ticking {
		return nil
	}
	p.ticking, p.tickedAt = true, p.clock()
	return tick()
}

func tick() tea.Cmd { return tea.Tick(tickEvery, func(time.Time) tea.Msg { return Tick{} }) }

// measure ends with the first second in which nothing came: an idle pane has no clock.
func (p *Pane) measure() tea.Cmd {
	now := p.clock()
	if passed := now.Sub(p.tickedAt).Seconds(); passed > 0 {
		p.rate = float64(p.arrived) / passed
	}
	p.tickedAt = now
	p.ticking = p.arrived > 0
	p.arrived = 0
	if !p.ticking {
		return nil
	}
	return tick()
}

// current returns the line under the cursor, or the newest while following.
func (p *Pane) current() (*record, bool) {
	if p.index.len() == 0 {
		return nil, false
	}
	if p.paused {
		return p.ring.at(p.cursor), true
	}
	return p.ring.at(p.index.last()), true
}

// Capturing reports whether text is being typed.
func (p *Pane) Capturing() bool { return p.prompt.open() }

// Takes reports whether the key closes the request view, rather than what it does in the dashboard.
func (p *Pane) Takes(msg tea.KeyPressMsg) bool {
	return p.request != nil && keys.Matches(msg, p.keys.Global.Quit, p.keys.Global.Back)
}

// Selection is what is copied: the line under the cursor, or the newest.
func (p *Pane) Selection() string {
	if p.request != nil {
		return p.request.id
	}
	rec, ok := p.current()
	if !ok {
		return ""
	}
	return rec.shown(false)
}

// Keys are all of the pane.
func (p *Pane) Keys() []key.Binding { return keys.Of(p.actions()) }

// Hints are the keys that fit the state.
func (p *Pane) Hints() []key.Binding {
	k := p.keys.Logs
	switch {
	case p.prompt.open():
		return []key.Binding{p.keys.Prompt.Accept, p.keys.Prompt.Cancel}
	case p.request != nil:
		return []key.Binding{p.keys.Global.Back, k.Up, k.Down, p.keys.Global.Copy}
	case p.filter.search != nil:
		return []key.Binding{k.Next, k.Previous, k.OnlyMatches, k.Clear, k.Follow, k.Request, k.Service, k.Level}
	case p.paused:
		return []key.Binding{k.Bottom, k.Request, k.Search, k.Jump, k.Service, k.Level, k.Wrap, k.Save, k.Clear}
	}
	return []key.Binding{k.Follow, k.Service, k.Level, k.Search, k.Request, k.Jump, k.Wrap, k.Timestamps, k.Compact, k.Save}
}
