package dash

import (
	"cmp"
	"regexp"
	"strconv"
	"sync"
	"time"

	"stackctl.dev/stackctl/bench/dash/screen"
	"stackctl.dev/stackctl/bench/report"
)

// floodLine is what a line of testdata/flood begins with: its number and the time at which it was printed.
var floodLine = regexp.MustCompile(`seq=(\d+) t=(\d{19})`)

// notShown matches the screen's number of lines that were not shown.
var notShown = regexp.MustCompile(`(about )?[\d.,]+[kM]? not shown`)

// mark is one line of the flood.
type mark struct {
	seq int64
	at  time.Time
}

// newest finds the newest of the flood's lines in a text.
func newest(text string) (m mark, ok bool) {
	for _, found := range floodLine.FindAllStringSubmatch(text, -1) {
		seq, err := strconv.ParseInt(found[1], 10, 64)
		if err != nil || (ok && seq <= m.seq) {
			continue
		}
		nanoseconds, err := strconv.ParseInt(found[2], 10, 64)
		if err != nil {
			continue
		}
		m, ok = mark{seq, time.Unix(0, nanoseconds)}, true
	}
	return m, ok
}

// follower measures how far a screen is behind the flood, frame by frame.
type follower struct {
	mu          sync.Mutex
	on          bool
	first, last mark
	seen        bool
	behind      []float64 // ms, when a frame was complete
	worst       float64   // ms, right before the next frame
	notShown    string    // in the screen's own words, the latest
}

// frame takes a frame into account. One on which no line is to be seen, since something covers them, counts for nothing.
func (f *follower) frame(frame screen.Frame) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, ok := newest(frame.Text)
	if !f.on || !ok {
		return
	}
	if f.seen {
		f.worst = max(f.worst, report.Milli(frame.At.Sub(f.last.at)))
	} else {
		f.first, f.seen = m, true
	}
	f.last = m
	f.behind = append(f.behind, report.Milli(frame.At.Sub(m.at)))
	f.notShown = cmp.Or(notShown.FindString(frame.Text), f.notShown)
}

// begin starts counting, and drops what was before.
func (f *follower) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on, f.seen, f.behind, f.worst = true, false, nil, 0
}

// end stops counting; a screen that does not change until then is behind all the time.
func (f *follower) end(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen {
		f.worst = max(f.worst, report.Milli(now.Sub(f.last.at)))
	}
	f.on = false
}

// rate is the lines a second that were written, by the numbers and times of those that were shown.
func (f *follower) rate() float64 {
	return float64(f.last.seq-f.first.seq) / f.last.at.Sub(f.first.at).Seconds()
}
