package visitstest

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// simulate draws a history of an exact counter: each call is counted at a moment of its own while it is under way, an unanswered one
// at any later moment or never. With a reset time, the counter is reset then, by a call around it.
func simulate(t *rapid.T, resetAt int64) (h *History, final int64) {
	type visit struct {
		call
		at int64
	}
	var visits []visit
	for i := range rapid.IntRange(1, 60).Draw(t, "calls") {
		start := rapid.Int64Range(0, 1000).Draw(t, "start")
		end := start + rapid.Int64Range(2, 50).Draw(t, "length")
		v := visit{call{start, end, 0}, rapid.Int64Range(start, end).Draw(t, "counted")}
		if i%5 == 4 {
			v.number = unknown
			v.at = rapid.SampledFrom([]int64{-1, v.at, v.at + 200}).Draw(t, "late")
		}
		visits = append(visits, v)
	}
	slices.SortStableFunc(visits, func(a, b visit) int { return cmp.Compare(a.at, b.at) })
	var resets []reset
	var calls []call
	for _, v := range visits {
		if resetAt > 0 && v.at > resetAt && len(resets) == 0 {
			resets = []reset{{resetAt - 5, resetAt + 5, final}}
			final = 0
		}
		if v.at >= 0 {
			final++
		}
		if v.number != unknown {
			v.number = final
		}
		calls = append(calls, v.call)
	}
	return history(calls, resets...), final
}

// TestCheckAcceptsExact: every history of an exact counter is accepted.
func TestCheckAcceptsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, final := simulate(t, rapid.SampledFrom([]int64{0, 500}).Draw(t, "reset at"))
		if err := h.Check(final, 0); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCheckRefusesOneFault: a single number that was given twice, lost, or counted without being asked for is found.
func TestCheckRefusesOneFault(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, final := simulate(t, 0)
		last := len(h.acknowledged) - 1
		switch i := rapid.IntRange(0, last).Draw(t, "which"); rapid.IntRange(0, 2).Draw(t, "fault") {
		case 0:
			h.acknowledged = append(h.acknowledged, h.acknowledged[i])
		case 1:
			final = h.acknowledged[last].number - 1
		case 2:
			final += int64(len(h.unknown)) + 1
		}
		if err := h.Check(final, 0); err == nil {
			t.Fatal("the fault is not found")
		}
	})
}
