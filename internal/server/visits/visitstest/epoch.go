package visitstest

import (
	"cmp"
	"math"
	"slices"
)

// epoch is the time between two resets.
type epoch struct {
	since, final int64
	end          int64   // when the reset that ends it returned
	calls        []call  // the acknowledged ones, by number
	started      []int64 // started[i] is the latest start of calls[:i]
	ended        []int64 // ended[i] is the earliest end of calls[i:]
}

// choice is a call that overlaps a reset, and the epochs in which its number fits.
type choice struct {
	call
	fits []int
}

// split sorts the acknowledged calls into epochs, as Check describes.
func (h *History) split(final, since int64, p *problems) []*epoch {
	epochs := make([]*epoch, len(h.resets)+1)
	for i := range epochs {
		epochs[i] = &epoch{since: since, final: final, end: math.MaxInt64}
		if i > 0 {
			epochs[i].since = 0
		}
		if i < len(h.resets) {
			epochs[i].final, epochs[i].end = h.resets[i].removed, h.resets[i].end
		}
	}
	var overlapping []call
	for _, c := range h.acknowledged {
		if first, last := h.epochsOf(c); first == last {
			epochs[first].calls = append(epochs[first].calls, c)
		} else {
			overlapping = append(overlapping, c)
		}
	}
	for _, e := range epochs {
		e.index()
	}
	if len(overlapping) > 0 {
		h.assign(overlapping, epochs, p)
		for _, e := range epochs {
			e.index()
		}
	}
	return epochs
}

// epochsOf returns the first and the last epoch to which the call may belong.
func (h *History) epochsOf(c call) (first, last int) {
	for _, r := range h.resets {
		if r.end < c.start {
			first++
		}
		if r.start <= c.end {
			last++
		}
	}
	return first, last
}

// assign gives each overlapping call an epoch.
func (h *History) assign(overlapping []call, epochs []*epoch, p *problems) {
	choices := make([]choice, len(overlapping))
	for i, c := range overlapping {
		choices[i].call = c
		first, last := h.epochsOf(c)
		for e := first; e <= last; e++ {
			if epochs[e].fits(c) {
				choices[i].fits = append(choices[i].fits, e)
			}
		}
	}
	slices.SortFunc(choices, func(a, b choice) int {
		return cmp.Or(cmp.Compare(len(a.fits), len(b.fits)), cmp.Compare(a.number, b.number), cmp.Compare(a.start, b.start))
	})
	type place struct {
		epoch  int
		number int64
	}
	taken := map[place]bool{}
	for _, c := range choices {
		i := slices.IndexFunc(c.fits, func(e int) bool { return !taken[place{e, c.number}] })
		if i < 0 {
			p.add("not explained by a reset", "number %d was given to the call %s during a reset; it is taken or out of place both before and after it", c.number, c.call)
			continue
		}
		e := c.fits[i]
		taken[place{e, c.number}] = true
		epochs[e].calls = append(epochs[e].calls, c.call)
	}
}

// index sorts the calls and computes started and ended.
func (e *epoch) index() {
	slices.SortFunc(e.calls, func(a, b call) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.start, b.start)) })
	n := len(e.calls)
	e.started, e.ended = make([]int64, n+1), make([]int64, n+1)
	e.started[0], e.ended[n] = math.MinInt64, math.MaxInt64
	for i, c := range e.calls {
		e.started[i+1] = max(e.started[i], c.start)
	}
	for i := n - 1; i >= 0; i-- {
		e.ended[i] = min(e.ended[i+1], e.calls[i].end)
	}
}

// fits reports whether the call's number is free, in range and in order in this epoch.
func (e *epoch) fits(c call) bool {
	i, found := slices.BinarySearchFunc(e.calls, c.number, func(c call, n int64) int { return cmp.Compare(c.number, n) })
	return !found && e.since < c.number && c.number <= e.final && e.started[i] <= c.end && c.start <= e.ended[i]
}
