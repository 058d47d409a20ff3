package logs

import (
	"math"
	"time"
)

// remembered is how many lines of a container can come again without being taken for new ones.
const remembered = 256

// memory knows which lines of a log were read, by their time stamps, so that reading can begin again without losing a line or giving one
// twice. Where one line ended is not enough: the engine stamps stdout and stderr side by side, so that a line can be written after
// one with a later stamp.
type memory struct {
	begun bool // the log was read once, so what is remembered is where it goes on
	whole bool // it was read from its beginning, or from Options.Since
	total int  // lines read

	ring  [remembered]int64 // the stamps of the last lines, in Unix nanoseconds
	first int64             // the stamp of the first line of all
	// floor is the latest stamp that the ring has dropped: all lines up to it were read, all that were read after it are in the ring.
	floor int64

	back rewind
}

func (m *memory) remember(t int64) {
	if m.total == 0 {
		m.first = t
	}
	slot := &m.ring[m.total%remembered]
	if m.total >= remembered {
		m.floor = max(m.floor, *slot)
	}
	*slot = t
	m.total++
}

// since is from when the log must be read again; false means all of it.
func (m *memory) since() (time.Time, bool) {
	if m.total == 0 || (m.whole && m.total <= remembered) {
		return time.Time{}, false
	}
	if m.total > remembered {
		return time.Unix(0, m.floor), true
	}
	return time.Unix(0, m.first), true
}

// resume returns a filter for lines that are read from since on: it accepts those that were not read before, and remembers them.
func (m *memory) resume() (accept func(time.Time) bool) {
	again := make(map[int64]int)
	for _, t := range m.ring[:min(m.total, remembered)] {
		again[t]++
	}
	latest := int64(math.MinInt64)
	for t := range again {
		latest = max(latest, t)
	}
	floor, limited := m.floor, m.total > remembered
	return func(at time.Time) bool {
		t := at.UnixNano()
		if limited && t <= floor {
			return false
		}
		if t <= latest { // later ones are new for certain
			if n := again[t]; n > 0 {
				again[t] = n - 1
				return false
			}
		}
		if m.back.repeated(t) {
			return false
		}
		m.remember(t)
		return true
	}
}
