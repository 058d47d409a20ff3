package live

import (
	"cmp"
	"math"
	"slices"
	"time"

	"stackctl.dev/stackctl/internal/fault"
)

const (
	// Together these are five minutes.
	samplePeriod = time.Second
	historySize  = 300
)

// The values of track.status.
const (
	starting    = "starting"
	live        = "live"
	unavailable = "unavailable"
)

// rate is visits per second, to one decimal.
type rate float64

// gap is the rate of a second in which the count was unknown.
const gap rate = -1

// track is the count over time. Copies are safe: observe replaces the history and never changes it.
type track struct {
	status  string
	reason  string // why it is unavailable
	count   int64  // of the last successful read
	history []rate
	samples int64 // taken so far: the number of the last one in history

	base      int64     // the count at baseAt
	baseAt    time.Time // the last sample with a count; zero if none was ever read
	sampledAt time.Time
}

// known reports whether a count was ever read.
func (t *track) known() bool { return !t.baseAt.IsZero() }

// last returns the rate of the last second.
func (t *track) last() rate {
	if len(t.history) == 0 {
		return gap
	}
	return t.history[len(t.history)-1]
}

// observe records a read of the count, or its error, and reports whether the page changes.
func (t *track) observe(now time.Time, count int64, err error) bool {
	status, reason, before := t.status, t.reason, t.count
	if err != nil {
		t.status, t.reason = unavailable, cmp.Or(fault.Of(err), fault.Away).State
	} else {
		t.status, t.reason, t.count = live, "", count
	}
	sampled := t.sample(now)
	return sampled || reason != t.reason || status != t.status || before != t.count
}

// sample adds the rate since the last sample, once a period.
func (t *track) sample(now time.Time) bool {
	if t.status == live && !t.known() { // a rate needs two counts
		t.base, t.baseAt, t.sampledAt = t.count, now, now
		return false
	}
	if now.Sub(t.sampledAt) < samplePeriod {
		return false
	}
	r := gap
	if t.status == live {
		// After a time without Redis this is the mean over that time.
		r = rateOf(t.base, t.count, now.Sub(t.baseAt))
		t.base, t.baseAt = t.count, now
	}
	t.sampledAt = now
	t.samples++
	keep := max(0, len(t.history)-historySize+1)
	t.history = append(slices.Clone(t.history[keep:]), r)
	return true
}

// rateOf returns 0 if the counter was reset: the number of visits since then is unknown.
func rateOf(from, to int64, took time.Duration) rate {
	if to <= from {
		return 0
	}
	n := uint64(to) - uint64(from) // correct even if the signed difference overflows
	return rate(math.Round(10*float64(n)/took.Seconds()) / 10)
}

// span returns the mean and the greatest rate of the history; ok is false if it has only gaps.
func (t *track) span() (mean, peak rate, ok bool) {
	n := 0
	for _, r := range t.history {
		if r == gap {
			continue
		}
		n++
		mean += r
		peak = max(peak, r)
	}
	if n == 0 {
		return 0, 0, false
	}
	return mean / rate(n), peak, true
}

// top returns the upper end of the chart's scale: a round number, at least 1.
func (t *track) top() float64 {
	_, peak, _ := t.span()
	step := math.Pow(10, math.Floor(math.Log10(max(1, float64(peak)))))
	for _, n := range []float64{1, 2, 3, 4, 5, 6, 8} {
		if n*step >= float64(peak) {
			return n * step
		}
	}
	return 10 * step
}
