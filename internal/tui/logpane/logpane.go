// Package logpane shows the logs of all containers as they come, and finds things in them.
package logpane

import (
	"fmt"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/feed"
	"stackctl.dev/stackctl/internal/tui/keys"
)

// Pane is the pane. It owns the lines in memory.
type Pane struct {
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
	missed    uint64 // lines that were never on the screen, or are not here at all
	estimated bool   // nobody has counted some of those missed

	arrived  int // lines since the last tick
	rate     float64
	tickedAt time.Time
	ticking  bool

	lost    string // why no lines come; empty when they do
	prompt  prompt
	request *request

	version       int // of all above: what is drawn is kept until it changes
	width, height int // of the inside, as drawn last
	drawn         drawn
}

// New makes a pane that follows.
func New(k keys.Map, clock func() time.Time) *Pane {
	return &Pane{keys: k, clock: clock, began: clock(), stamps: true, compact: true}
}

// Tick measures the rate, once a second, while lines come.
type Tick struct{}

const tickEvery = time.Second

// Update takes lines, keys and mouse events.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	p.version++
	switch msg := msg.(type) {
	case feed.Batch:
		return p.add(msg)
	case feed.Lost:
		p.lost = draw.Plain(termtext.Safe(msg.Err.Error()))
	case feed.Resumed:
		p.lost = ""
	case Tick:
		return p.measure()
	case tea.KeyPressMsg:
		return p.press(msg)
	case tea.PasteMsg:
		if p.prompt.open() {
			return p.typed(msg)
		}
	case tea.MouseWheelMsg:
		p.wheel(msg)
	case tea.MouseClickMsg:
		p.click(msg)
	default:
		p.version--
	}
	return nil
}

// add takes a batch. Its cost is that of its lines alone.
func (p *Pane) add(b feed.Batch) tea.Cmd {
	p.lost = ""
	p.missed += uint64(b.Skipped)
	p.estimated = p.estimated || b.Estimated
	p.arrived += b.Skipped
	before, missable := p.index.len(), 0
	last := ""
	for _, l := range b.Lines {
		if l.Container != last {
			last = l.Container
			p.know(l.Service)
			p.names.of(&l)
		}
		fresh := !l.Time.Before(p.began)
		if fresh { // history says nothing about how much comes
			p.arrived++
		}
		rec := p.ring.push(l)
		p.request.offer(rec)
		if p.passes(rec) {
			p.index.push(p.ring.next - 1)
			if fresh {
				missable++
			}
		}
	}
	came := p.index.len() - before
	fell := p.index.dropBelow(p.ring.oldest, p.seen)
	if p.paused {
		p.missed += uint64(fell)
		p.settle()
	} else {
		// The newest of them are on the screen.
		p.missed += uint64(max(0, min(missable, came-p.fits())))
		p.seen = p.ring.next
	}
	if p.ticking {
		return nil
	}
	p.ticking, p.tickedAt = true, p.clock()
	return tea.Tick(tickEvery, func(time.Time) tea.Msg { return Tick{} })
}

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
	return tea.Tick(tickEvery, func(time.Time) tea.Msg { return Tick{} })
}

// current returns the line that a person means: under the cursor, or the newest.
func (p *Pane) current() (*record, bool) {
	if p.index.len() == 0 {
		return nil, false
	}
	if p.paused {
		return p.ring.at(p.cursor), true
	}
	return p.ring.at(p.index.at(p.index.len() - 1)), true
}

// Capturing reports whether text is being typed.
func (p *Pane) Capturing() bool { return p.prompt.open() }

// Inside reports whether the request view is open, so that esc has somewhere to go back to.
func (p *Pane) Inside() bool { return p.request != nil || p.prompt.open() }

// Selection is what is copied: the line under the cursor, or the newest.
func (p *Pane) Selection() string {
	if p.request != nil {
		return p.request.id
	}
	rec, ok := p.current()
	if !ok {
		return ""
	}
	return p.shown(rec, false)
}

// shown is a line's text as cells can show it.
func (p *Pane) shown(rec *record, compact bool) string {
	if compact {
		if short, ok := inShort(rec.Text); ok {
			return plain(short)
		}
	}
	text := plain(string(rec.Text))
	switch {
	case rec.whole > 0 && rec.Truncated:
		text += fmt.Sprintf("… [cut, more than %d bytes]", rec.whole)
	case rec.whole > 0:
		text += fmt.Sprintf("… [cut, %d bytes]", rec.whole)
	}
	return text
}

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

// origin is the short name of a line's container, such as web-1.
func origin(l *logs.Line) string {
	name := l.Service
	if name == "" {
		name = l.Container
	}
	if l.Replica > 0 {
		name = fmt.Sprintf("%s-%d", name, l.Replica)
	}
	return plain(name)
}
