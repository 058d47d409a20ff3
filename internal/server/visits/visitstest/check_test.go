package visitstest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// history makes one from calls and resets, with a millisecond as the unit of time.
func history(calls []call, resets ...reset) *History {
	h := &History{begin: time.Now()}
	at := func(ms int64) time.Time { return h.begin.Add(time.Duration(ms) * time.Millisecond) }
	for _, c := range calls {
		h.add(call{int64(at(c.start).Sub(h.begin)), int64(at(c.end).Sub(h.begin)), c.number})
	}
	for _, r := range resets {
		h.Reset(at(r.start), at(r.end), r.removed)
	}
	return h
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name         string
		calls        []call
		resets       []reset
		final, since int64
		want         string // a part of the error, or "" for an exact history
	}{
		{name: "nothing"},
		{name: "in order", calls: []call{{0, 1, 1}, {2, 3, 2}, {4, 5, 3}}, final: 3},
		{name: "crossing calls in any order", calls: []call{{0, 9, 3}, {0, 9, 1}, {0, 9, 2}}, final: 3},
		{name: "goes on from before", calls: []call{{0, 1, 41}, {2, 3, 42}}, final: 42, since: 40},
		{name: "given twice", calls: []call{{0, 9, 1}, {0, 9, 1}, {0, 9, 2}}, final: 2, want: "1 given twice"},
		{name: "lost", calls: []call{{0, 1, 1}, {2, 3, 2}}, final: 1, want: "1 above the final value"},
		{name: "from before", calls: []call{{0, 1, 40}}, final: 41, since: 40, want: "1 not above the value before"},
		{name: "zero", calls: []call{{0, 1, 0}}, want: "1 not above the value before"},
		{name: "out of order", calls: []call{{0, 1, 2}, {2, 3, 1}}, final: 2, want: "1 out of order"},
		{name: "counted twice", calls: []call{{0, 1, 1}, {2, 3, 3}}, final: 3, want: "1 counted and asked for by nobody"},
		{name: "counted twice at the end", calls: []call{{0, 1, 1}}, final: 4, want: "3 counted and asked for by nobody"},
		{name: "unanswered and counted", calls: []call{{0, 1, 1}, {1, 2, unknown}, {2, 3, 3}}, final: 3},
		{name: "unanswered and not counted", calls: []call{{0, 1, 1}, {1, 2, unknown}, {2, 3, 2}}, final: 2},
		{name: "unanswered and counted late", calls: []call{{0, 1, unknown}, {2, 3, 1}}, final: 2},
		{name: "unanswered but too late", calls: []call{{0, 1, 2}, {2, 3, unknown}}, final: 2, want: "1 counted and asked for by nobody"},
		{name: "one unanswered, two missing", calls: []call{{0, 1, unknown}, {2, 3, 2}}, final: 3, want: "1 counted and asked for by nobody"},
		{name: "never sent and counted", calls: []call{{0, 1, notCounted}, {2, 3, 2}}, final: 2, want: "1 counted and asked for by nobody"},
		{name: "reset", calls: []call{{0, 1, 1}, {2, 3, 2}, {10, 11, 1}}, resets: []reset{{5, 6, 2}}, final: 1},
		{name: "reset, with calls during it", calls: []call{{0, 1, 1}, {4, 7, 2}, {4, 7, 1}, {10, 11, 2}}, resets: []reset{{5, 6, 2}}, final: 2},
		{name: "reset that is none", calls: []call{{0, 1, 1}, {2, 3, 2}, {10, 11, 3}}, resets: []reset{{5, 6, 2}}, final: 3, want: "2 counted and asked for by nobody"},
		{name: "given twice after a reset", calls: []call{{0, 1, 1}, {10, 11, 1}, {12, 13, 1}}, resets: []reset{{5, 6, 1}}, final: 2, want: "1 given twice"},
		{name: "torn reset", calls: []call{{0, 1, 1}, {4, 7, 1}, {4, 7, 1}}, resets: []reset{{5, 6, 1}}, final: 1, want: "1 not explained by a reset"},
		{name: "lost in a reset", calls: []call{{0, 1, 1}, {2, 3, 2}}, resets: []reset{{5, 6, 1}}, want: "1 above the final value"},
		{name: "unanswered, counted after a reset", calls: []call{{0, 1, unknown}, {10, 11, 1}}, resets: []reset{{5, 6, 0}}, final: 2},
		{name: "asked for after the reset", calls: []call{{0, 1, 1}, {8, 9, unknown}}, resets: []reset{{5, 6, 2}}, want: "1 counted and asked for by nobody"},
		{name: "a choice that must be made right", calls: []call{{4, 7, 1}, {0, 5, 1}, {10, 11, 2}}, resets: []reset{{5, 6, 1}}, final: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := history(test.calls, test.resets...)
			err := h.Check(test.final, test.since)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			case test.want == "" && !strings.HasSuffix(h.String(), "none twice"):
				t.Errorf("the summary is %q", h)
			}
		})
	}
}

// TestCheckNamesFew makes sure that a history full of violations gives an error that can be read.
func TestCheckNamesFew(t *testing.T) {
	var calls []call
	for i := range int64(1000) {
		calls = append(calls, call{i, i + 1, 1})
	}
	err := history(calls).Check(1, 0)
	if err == nil || !strings.Contains(err.Error(), "999 given twice") || strings.Count(err.Error(), "\n") != examples+1 {
		t.Errorf("got %v", err)
	}
}

// TestRunRecords checks the counts of a run with every outcome.
func TestRunRecords(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n int64
	h := Run(ctx, 1, CounterFunc(func(context.Context) (int64, error) {
		switch n++; n {
		case 2:
			return 0, context.DeadlineExceeded
		case 3:
			return 0, fmt.Errorf("dialing: %w", ErrNotCounted)
		case 5:
			cancel()
		}
		return n, nil
	}))
	if h.Acknowledged() != 3 || h.Unanswered() != 1 || h.notCounted != 1 || h.LongestPause() < 2*errorPause {
		t.Errorf("got %d acknowledged, %d unanswered, %d not counted, a pause of %s", h.Acknowledged(), h.Unanswered(), h.notCounted, h.LongestPause())
	}
}
