package logs

import "time"

const (
	// rewindFrom is from how many lines on a container's lines are remembered for a rewind: a log that is so short does not rotate.
	rewindFrom = 1024
	// lateBy is how much older than its predecessors a line may be, as stdout and stderr are stamped side by side, without a look
	// at whether it comes again.
	lateBy = int64(100 * time.Millisecond)
	// certain is after how many repeated lines in a row it is a rewind, in which the last tenth of a second comes again too.
	certain = 16

	bloomBits  = 1 << 21
	bloomLines = bloomBits / 16
)

// rewind recognizes lines that come again. Docker 20.10 sends the whole file that it has just rotated once more to those who follow it, when
// they read slower than it writes. A line that is older than those before it, and whose stamp was there already, is such a one; an older
// line alone is not: the engine's clock may have been set back.
type rewind struct {
	latest int64
	lines  int // in recent[0]
	total  int
	again  int // repeated lines since the last new one
	recent [2]*bloom
}

// repeated reports whether the line of a stamp, in Unix nanoseconds, came before, and remembers it.
func (w *rewind) repeated(t int64) bool {
	if t > w.latest {
		w.latest, w.again = t, 0
	} else if (w.again >= certain || t < w.latest-lateBy) && w.knows(t) {
		w.again++
		return true
	}
	w.total++
	if w.total < rewindFrom {
		return false
	}
	if w.recent[0] == nil || w.lines == bloomLines {
		w.recent[0], w.recent[1], w.lines = new(bloom), w.recent[0], 0
	}
	w.recent[0].add(t)
	w.lines++
	return false
}

func (w *rewind) knows(t int64) bool {
	return w.recent[0] != nil && w.recent[0].has(t) || w.recent[1] != nil && w.recent[1].has(t)
}

// bloom is a set of stamps that is wrong about one in two hundred of those that are not in it.
type bloom [bloomBits / 64]uint64

// places spreads a stamp to three bits, with the finalizer of MurmurHash3.
func places(t int64) [3]uint64 {
	h := uint64(t)
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return [3]uint64{h % bloomBits, h >> 21 % bloomBits, h >> 42 % bloomBits}
}

func (b *bloom) add(t int64) {
	for _, at := range places(t) {
		b[at/64] |= 1 << (at % 64)
	}
}

func (b *bloom) has(t int64) bool {
	for _, at := range places(t) {
		if b[at/64]&(1<<(at%64)) == 0 {
			return false
		}
	}
	return true
}
