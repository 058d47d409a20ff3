// Package visitpane shows the visit counter: the count, how fast it grows, a chart of the last minutes with what happened on it, and what
// nginx says about the requests.
package visitpane

import (
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/traffic"
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

// Requests is what nginx's log says about requests.
type Requests interface {
	Stats(now time.Time, over time.Duration) traffic.Stats
}

const (
	span     = 300 // seconds on the chart
	statsOf  = 10 * time.Second
	maxMarks = 64
)

// Pane is the pane. It takes no keys.
type Pane struct {
	requests Requests

	last      Count
	known     bool // last is the present count
	err       error
	recent    []Count // of the last few seconds, for the rate
	rate      float64
	peak      float64
	seconds   [span]float64 // visits in each second, by Unix second modulo span
	upTo      int64         // the Unix second that was written last
	since     int64         // the first one
	marks     []watch.Event
	moved     time.Time // when the chart got something to show
	stats     traffic.Stats
	addresses map[string]string // replica by address
	order     []string
}

// New makes a pane; requests may be nil.
func New(requests Requests) *Pane {
	return &Pane{requests: requests, addresses: map[string]string{}}
}

// rateOver is over how long the present rate is taken.
const rateOver = 3 * time.Second

// Count takes a reading, and reports whether what is shown may have changed.
func (p *Pane) Count(c Count) (changed bool) {
	before := p.present()
	defer func() {
		scrolls := c.At.Sub(p.moved) < (span+60)*time.Second // what is on the chart moves to the left, and leaves it
		changed = scrolls || before != p.present()
	}()
	if c.Visits != p.last.Visits {
		p.moved = c.At
	}
	if p.known {
		p.grow(c)
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
	p.refresh(c.At)
	return changed
}

// present is what the pane says in numbers.
func (p *Pane) present() [6]any {
	return [6]any{p.known, p.last.Visits, p.rate, p.peak, p.stats.Requests, p.stats.Rate}
}

// grow spreads the visits since the last reading over the seconds between.
func (p *Pane) grow(c Count) {
	from, to := p.last.At.Unix(), c.At.Unix()
	more := max(c.Visits-p.last.Visits, 0)
	if p.since == 0 {
		p.since, p.upTo = from, from
	}
	if to-from >= span { // too long ago to be on the chart
		p.seconds, p.since, p.upTo = [span]float64{}, to, to
		return
	}
	for s := p.upTo + 1; s <= to; s++ {
		p.seconds[s%span] = 0
	}
	p.upTo = max(p.upTo, to)
	each := float64(more) / float64(max(to-from, 1))
	for s := min(from+1, to); s <= to; s++ {
		p.seconds[s%span] += each
	}
}

// Unknown takes note that the counter cannot be read: what was read before is not shown as live.
func (p *Pane) Unknown(u Unknown) {
	p.known, p.err, p.rate = false, u.Err, 0
	p.refresh(u.At)
}

func (p *Pane) refresh(now time.Time) {
	if p.requests != nil {
		p.stats = p.requests.Stats(now, statsOf)
	}
}

// Mark puts an event on the chart.
func (p *Pane) Mark(e watch.Event) {
	if len(p.marks) == maxMarks {
		p.marks = append(p.marks[:0], p.marks[1:]...)
	}
	p.marks = append(p.marks, e)
	p.moved = e.At
}

// Replicas names the replicas that share the requests, by their addresses.
func (p *Pane) Replicas(containers []watch.Container) {
	clear(p.addresses)
	p.order = p.order[:0]
	for _, c := range containers {
		for _, address := range c.Addresses {
			if address.IsValid() {
				p.addresses[address.String()] = replicaName(c)
			}
		}
		p.order = append(p.order, replicaName(c))
	}
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
	for _, s := range p.shares() {
		shares[s.name] = s.part
	}
	return Summary{Known: p.known, Visits: p.last.Visits, Rate: p.rate, Peak: p.peak, Err: p.err, Stats: p.stats, Shares: shares}
}
