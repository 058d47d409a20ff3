package logs

import (
	"math"
	"time"
)

const (
	// remembered is how many lines of a container can come again without being taken for new ones.
	remembered = 256
	// lateBy is how much older than its predecessors a line may be, as stdout and stderr are stamped side by side.
	lateBy = 100 * time.Millisecond
)

// memory knows which lines of a log were read, by their time stamps, so that reading can begin again without losing a line or giving one
// twice. Where one line ended is not enough: the engine stamps stdout and stderr side by side, so that a line can be written after
// one with a later stamp.
type memory struct {
	begun bool // the log was read once, so what is remembered is where it goes on
	whole bool // it was read from its beginning, or from Options.Since
	total int  // lines read

	ring   [remembered]int64 // the stamps of the last lines, in Unix nanoseconds
	first  int64             // the stamp of the first line of all
	latest int64             // the latest stamp, since the engine's clock was last set back
	// floor is the latest stamp that the ring has dropped: all lines up to it were read, all that were read after it are in the ring.
	floor int64

	// Of the reading that is under way: what may come again.
	again  map[int64]int // the ring's stamps, by how many lines have each
	newest int64         // of them
	read   int64         // all lines up to this stamp were read before
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
	m.latest = max(m.latest, t)
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

// resume prepares for lines that are read from since on, of which some may come again.
func (m *memory) resume() {
	m.again, m.read, m.newest = make(map[int64]int), math.MinInt64, math.MinInt64
	for _, t := range m.ring[:min(m.total, remembered)] {
		m.again[t]++
		m.newest = max(m.newest, t)
	}
	if m.total > remembered {
		m.read = m.floor
	}
}

// accept reports whether a line was not read before, and remembers it.
func (m *memory) accept(at time.Time) bool {
	t := at.UnixNano()
	if t <= m.read {
		return false
	}
	if t <= m.newest && m.again[t] > 0 { // later ones are new for certain
		m.again[t]--
		return false
	}
	m.remember(t)
	return true
}

// goesBack reports whether a line is so much older than the latest that either the engine's clock was set back or the log comes again.
func (m *memory) goesBack(at time.Time) bool {
	t := at.UnixNano()
	return m.total > 0 && t < m.latest-int64(lateBy) && t != m.read && m.again[t] == 0
}

// restart begins again, with a clock that was set back.
func (m *memory) restart() {
	*m = memory{begun: true}
	m.resume()
}
