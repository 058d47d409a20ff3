package logs

import (
	"errors"
	"time"
)

const (
	// jumpTail is how many lines a reader that has fallen behind goes on with: more than a screen shows.
	jumpTail = 200
	// lookEvery is after how many lines the clock is looked at.
	lookEvery = 32
	// sureAfter is how long a reader must be behind before it jumps: a moment's delay makes up for itself.
	sureAfter = 50 * time.Millisecond
	// rateSpan is how much of a log its rate is taken of.
	rateSpan = time.Second
)

// errBehind ends a reading that has fallen behind the newest line, so that it begins again at the end of the log.
var errBehind = errors.New("the log is read later than it is written")

// behind tells how late the lines of a followed log come, and about how many there are in a stretch of it.
type behind struct {
	limit time.Duration // 0 is none
	now   func() time.Time

	lines int
	// least is the smallest delay that was seen: what the engine's clock differs from ours, and the way here.
	least time.Duration
	late  time.Time // since when it is behind; zero while it is not

	// The rate, in lines a second of the log's own time.
	from  time.Time
	count int
	rate  float64
	last  time.Time // of the last line before a jump
}

// line takes note of a line, and reports whether it is time to jump.
func (b *behind) line(at time.Time) bool {
	if b.limit == 0 {
		return false
	}
	b.lines++
	b.count++
	if b.lines%lookEvery != 1 {
		return false
	}
	if passed := at.Sub(b.from); b.from.IsZero() || passed >= rateSpan || passed < 0 {
		if passed > 0 && !b.from.IsZero() {
			b.rate = float64(b.count) / passed.Seconds()
		}
		b.from, b.count = at, 0
	}
	now := b.now()
	delay := now.Sub(at)
	if b.lines == 1 || delay < b.least {
		b.least = delay
	}
	switch {
	case delay-b.least <= b.limit:
		b.late = time.Time{}
	case b.late.IsZero():
		b.late = now
	case now.Sub(b.late) >= sureAfter:
		b.late, b.last = time.Time{}, at
		return true
	}
	return false
}

// landed estimates how many lines a jump left out, once the first line after it is there. Nobody has counted them.
func (b *behind) landed(at time.Time) (about int) {
	if b.last.IsZero() {
		return 0
	}
	gap := at.Sub(b.last)
	b.last, b.from = time.Time{}, time.Time{}
	b.lines = 0 // the least delay is learned again: one of the clocks may have been set
	return max(int(gap.Seconds()*b.rate), 0)
}
