package visitstest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// examples is how many violations of each kind an error shows.
const examples = 3

// Check returns an error unless an exact counter explains the history, which began with the counter at since and ended at final:
//
//   - no number was given twice;
//   - each number is above since and not above final;
//   - a call that ended before another began has the smaller number;
//   - each number up to final that nobody got belongs to a different unanswered call, begun before any greater number was known.
//     So final - since - acknowledged is at most the number of unanswered calls.
//
// An unanswered call may be counted at any time after it began, even after its client gave up, or never. These are exactly the
// histories of a linearizable counter.
//
// A [History.Reset] begins a new epoch: the rules hold within each, the removed value is the final value of the epoch before, and the
// new one begins at 0. A call that ended before the reset began belongs to the old epoch, one that began after the reset ended to the
// new one. One that overlaps it may belong to either in which its number is free, in range and in order among the calls whose epoch is
// certain. Calls that fit only one epoch choose first, the others take the earliest that is still free. If epochs have only a few
// visits, this greedy choice may reject a history that a search would explain.
func (h *History) Check(final, since int64) error {
	p := &problems{counts: map[string]int{}}
	epochs := h.split(final, since, p)
	var gaps []gap
	for _, e := range epochs {
		e.checkNumbers(p)
		gaps = e.gaps(gaps)
	}
	h.checkGaps(gaps, p)
	counted := final - since
	for _, r := range h.resets {
		counted += r.removed
	}
	h.verdict = fmt.Sprintf("%d visits acknowledged, %d counted, %d unanswered, %d not sent, final value %d",
		len(h.acknowledged), counted, len(h.unknown), h.notCounted, final)
	if len(h.resets) > 0 {
		h.verdict += fmt.Sprintf(" after %d resets", len(h.resets))
	}
	if len(p.texts) == 0 {
		h.verdict += "; distinct, in order, none lost, none twice"
		return nil
	}
	err := errors.New("checking the counter: " + p.summary() + "\n  " + strings.Join(p.texts, "\n  ") + "\n  " + h.verdict)
	h.verdict += "; NOT EXACT: " + p.summary()
	return err
}

// String summarizes the last Check.
func (h *History) String() string { return cmp.Or(h.verdict, "not checked") }

// checkNumbers checks the numbers that calls got in one epoch.
func (e *epoch) checkNumbers(p *problems) {
	for i, c := range e.calls {
		switch {
		case i > 0 && e.calls[i-1].number == c.number:
			p.add("given twice", "number %d was given to the call %s and to the call %s", c.number, e.calls[i-1], c)
		case c.number > e.final:
			p.add("above the final value", "number %d was given to the call %s; the final value is %d", c.number, c, e.final)
		case c.number <= e.since:
			p.add("not above the value before", "number %d was given to the call %s; the value before was %d", c.number, c, e.since)
		case e.started[i] > c.end:
			later := slices.MaxFunc(e.calls[:i], func(a, b call) int { return cmp.Compare(a.start, b.start) })
			p.add("out of order", "number %d was given to the call %s, before the call %s began, which got %d", c.number, c, later, later.number)
		}
	}
}

// gap is a run of numbers that nobody got, and the time by which they must have been asked for.
type gap struct{ first, count, by int64 }

// gaps appends the gaps of the epoch.
func (e *epoch) gaps(to []gap) []gap {
	last := e.since
	for i, c := range e.calls {
		if c.number > e.final {
			break
		}
		if c.number > last+1 {
			to = append(to, gap{last + 1, c.number - last - 1, min(e.ended[i], e.end)})
		}
		last = max(last, c.number)
	}
	if e.final > last {
		to = append(to, gap{last + 1, e.final - last, e.end})
	}
	return to
}

// checkGaps finds an unanswered call for every number that nobody got. A gap can use every call that began by its time, so at any time
// there must be at least as many calls as numbers (Hall's theorem, for sets that each contain the one before).
func (h *History) checkGaps(gaps []gap, p *problems) {
	slices.SortFunc(gaps, func(a, b gap) int { return cmp.Compare(a.by, b.by) })
	slices.Sort(h.unknown)
	var needed, used, missing int64
	for _, g := range gaps {
		for used < int64(len(h.unknown)) && h.unknown[used] <= g.by {
			used++
		}
		needed += g.count
		short := needed - used - missing
		if short <= 0 {
			continue
		}
		missing += short
		at := "the end"
		if g.by != math.MaxInt64 {
			at = show(g.by)
		}
		p.addSome(int(short), "counted and asked for by nobody", "of numbers %d to %d, which nobody got, %d are not explained: by %s %d calls were unanswered, and %d numbers given to nobody",
			g.first, g.first+g.count-1, short, at, used, needed)
	}
}

// measurePause finds the longest time without an acknowledged call; the run took length.
func (h *History) measurePause(length int64) {
	ends := make([]int64, 0, len(h.acknowledged)+1)
	for _, c := range h.acknowledged {
		ends = append(ends, c.end)
	}
	slices.Sort(ends)
	last := int64(0)
	for _, end := range append(ends, length) {
		h.longestPause = max(h.longestPause, time.Duration(end-last))
		last = end
	}
}

// String returns when the call began and ended.
func (c call) String() string { return show(c.start) + ".." + show(c.end) }

func show(nanoseconds int64) string {
	return time.Duration(nanoseconds).Round(10 * time.Microsecond).String()
}

// problems counts violations by kind, and keeps the first of each.
type problems struct {
	counts map[string]int
	kinds  []string
	texts  []string
	shown  map[string]int
}

func (p *problems) add(kind, format string, args ...any) { p.addSome(1, kind, format, args...) }

func (p *problems) addSome(n int, kind, format string, args ...any) {
	if p.shown == nil {
		p.shown = map[string]int{}
	}
	if p.counts[kind] == 0 {
		p.kinds = append(p.kinds, kind)
	}
	p.counts[kind] += n
	if p.shown[kind]++; p.shown[kind] <= examples {
		p.texts = append(p.texts, fmt.Sprintf(format, args...))
	}
}

func (p *problems) summary() string {
	var parts []string
	for _, kind := range p.kinds {
		parts = append(parts, fmt.Sprintf("%d %s", p.counts[kind], kind))
	}
	return strings.Join(parts, ", ")
}
