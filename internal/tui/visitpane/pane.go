// Package visitpane shows the visit counter: the count, how fast it grows, a chart of the last minutes with what happened on it, and what
// nginx says about the requests.
package visitpane

import (
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/traffic"
	"stackctl.dev/stackctl/internal/tui/keys"
)

// Count is the counter as it was read. Reading it counts no visit.
type Count struct {
	At     time.Time
	Visits int64
}

// Unknown says that the counter cannot be read at present, and why.
type Unknown struct {
	At  time.Time
	Err error
}

// Source is what nginx's log says about requests.
type Source interface {
	Stats(now time.Time, over time.Duration) traffic.Stats
}

// Pane is the pane.
type Pane struct {
	title string
	url   string // where the visits come to

	last     Count
	known    bool // last is the present count
	err      error
	recent   []Count // of the last few seconds, for the rate
	rate     float64
	peak     float64
	chart    chart
	past     past
	requests requests
	keys     keys.Visits
	clock    func() time.Time
}

// Options are what a pane has besides its readings.
type Options struct {
	Requests Source // nil says nothing of requests
	Past     Read   // nil: the chart has the last minutes only
	Keys     keys.Map
	Clock    func() time.Time
}

// New makes a pane.
func New(title string, o Options) *Pane {
	return &Pane{title: title, requests: requests{source: o.Requests}, past: past{read: o.Past}, keys: o.Keys.Visits, clock: o.Clock}
}

// Update takes readings of the counter, events, and the state of the containers.
func (p *Pane) Update(msg tea.Msg) (cmd tea.Cmd, changed bool) {
	switch msg := msg.(type) {
	case Count:
		return p.past.refresh(msg.At), p.count(msg)
	case tea.KeyPressMsg:
		if !p.Takes(msg) {
			return nil, false
		}
		return p.past.next(p.clock()), true
	case answer:
		return p.past.take(msg, p.clock()), true
	case Unknown:
		p.unknown(msg)
	case watch.Event:
		p.chart.mark(msg)
	case watch.State:
		p.url = msg.URL()
		p.requests.name(msg.Containers)
	default:
		return nil, false
	}
	return nil, true
}

// Keys are those of the chart.
func (p *Pane) Keys() []key.Binding {
	if p.past.read == nil {
		return nil
	}
	return []key.Binding{p.keys.Range}
}

// Hints are none: those of the dashboard are shown.
func (p *Pane) Hints() []key.Binding { return nil }

// Capturing is never.
func (p *Pane) Capturing() bool { return false }

// Takes the key of the range.
func (p *Pane) Takes(msg tea.KeyPressMsg) bool {
	return p.past.read != nil && keys.Matches(msg, p.keys.Range)
}

// Cursor is nowhere.
func (p *Pane) Cursor() *tea.Cursor { return nil }

// Selection is what is copied: the stack's URL.
func (p *Pane) Selection() string { return p.url }

// rateOver is over how long the present rate is taken.
const rateOver = 3 * time.Second

// count takes a reading, and reports whether what is shown may have changed.
func (p *Pane) count(c Count) (changed bool) {
	before := p.present()
	defer func() {
		scrolls := c.At.Sub(p.chart.moved) < (span+60)*time.Second // what is on the chart moves to the left, and leaves it
		changed = scrolls || before != p.present()
	}()
	if c.Visits != p.last.Visits {
		p.chart.moved = c.At
	}
	if p.known {
		p.chart.add(p.last.At, c.At, c.Visits-p.last.Visits)
	}
	if c.Visits < p.last.Visits || !p.known { // a reset, or the first reading: what was before says nothing about the rate
		p.recent = p.recent[:0]
	}
	p.last, p.known, p.err = c, true, nil
	p.recent = append(p.recent, c)
	for len(p.recent) > 2 && c.At.Sub(p.recent[1].At) >= rateOver {
		p.recent = p.recent[1:]
	}
	p.rate = 0
	if first := p.recent[0]; c.At.After(first.At) {
		p.rate = float64(c.Visits-first.Visits) / c.At.Sub(first.At).Seconds()
	}
	p.peak = max(p.peak, p.rate)
	p.requests.refresh(c.At)
	return changed
}

// present is what the pane says in numbers.
func (p *Pane) present() [6]any {
	return [6]any{p.known, p.last.Visits, p.rate, p.peak, p.requests.stats.Requests, p.requests.stats.Rate}
}

// unknown notes that the counter cannot be read: what was read before is not shown as live.
func (p *Pane) unknown(u Unknown) {
	p.known, p.err, p.rate = false, u.Err, 0
	p.requests.refresh(u.At)
}

// Summary is what the pane knows, for machines.
type Summary struct {
	Known  bool
	Visits int64
	Rate   float64 // visits a second, over the last three seconds
	Peak   float64 // the highest Rate since the dashboard was opened
	Err    error
	Stats  traffic.Stats // of the last ten seconds
	Shares map[string]float64
}

// Summary returns what the pane knows.
func (p *Pane) Summary() Summary {
	shares := map[string]float64{}
	for _, s := range p.requests.shares() {
		shares[s.name] = s.part
	}
	return Summary{Known: p.known, Visits: p.last.Visits, Rate: p.rate, Peak: p.peak, Err: p.err, Stats: p.requests.stats, Shares: shares}
}
