// Package visitstest checks whether a visit counter is exact: it records what many clients saw while things broke, and checks that every
// number was given once and every counted visit was made by a client.
package visitstest

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// CallTimeout is the deadline of each call of [Run].
	CallTimeout = 10 * time.Second
	// MaxCalls bounds a history: at 24 bytes each, the calls take 480 MB. A run that reaches it ends early.
	MaxCalls = 20_000_000
	// errorPause follows each failed call, so that a run does not use up its calls while the counter is away.
	errorPause = 20 * time.Millisecond
)

// ErrNotCounted marks an error of a call that certainly was not counted, such as one that was never sent.
// After any other error the call may have been counted.
var ErrNotCounted = errors.New("not counted")

// Counter is a counter to check. Next counts one visit and returns its number.
type Counter interface {
	Next(ctx context.Context) (int64, error)
}

// CounterFunc is a function as a [Counter].
type CounterFunc func(ctx context.Context) (int64, error)

// Next calls f.
func (f CounterFunc) Next(ctx context.Context) (int64, error) { return f(ctx) }

// Outcomes in place of a number.
const (
	unknown    = math.MinInt64
	notCounted = math.MinInt64 + 1
)

// call is one visit. Times are nanoseconds since the run began.
type call struct{ start, end, number int64 }

// reset is one reset of the counter, which held removed.
type reset struct{ start, end, removed int64 }

// History is every call of a run, and the result of its check.
type History struct {
	begin        time.Time
	acknowledged []call
	unknown      []int64 // when each call without an answer started
	notCounted   int
	longestPause time.Duration
	resets       []reset
	verdict      string
}

// Run lets clients visit until ctx ends, and waits for calls in progress, at most [CallTimeout].
func Run(ctx context.Context, clients int, c Counter) *History {
	h := &History{begin: time.Now()}
	calls := make([][]call, clients)
	var left atomic.Int64
	left.Store(MaxCalls)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { calls[i] = h.visit(ctx, c, &left) })
	}
	all.Wait()
	for i, some := range calls {
		for _, c := range some {
			h.add(c)
		}
		calls[i] = nil
	}
	h.measurePause(time.Since(h.begin).Nanoseconds())
	return h
}

func (h *History) visit(ctx context.Context, c Counter, left *atomic.Int64) []call {
	var calls []call
	for ctx.Err() == nil && left.Add(-1) >= 0 {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), CallTimeout)
		start := time.Since(h.begin)
		number, err := c.Next(within)
		end := time.Since(h.begin)
		cancel()
		switch {
		case errors.Is(err, ErrNotCounted):
			number = notCounted
		case err != nil:
			number = unknown
		}
		calls = append(calls, call{int64(start), int64(end), number})
		if err != nil {
			wait(ctx, errorPause)
		}
	}
	return calls
}

func (h *History) add(c call) {
	switch c.number {
	case unknown:
		h.unknown = append(h.unknown, c.start)
	case notCounted:
		h.notCounted++
	default:
		h.acknowledged = append(h.acknowledged, c)
	}
}

// Reset records a reset of the counter that was called at start, returned at end, and removed that many visits. Resets must not overlap,
// and must be recorded in their order.
func (h *History) Reset(start, end time.Time, removed int64) {
	h.resets = append(h.resets, reset{int64(start.Sub(h.begin)), int64(end.Sub(h.begin)), removed})
}

// Acknowledged returns how many calls got a number.
func (h *History) Acknowledged() int { return len(h.acknowledged) }

// Unanswered returns how many calls may or may not have been counted.
func (h *History) Unanswered() int { return len(h.unknown) }

// LongestPause returns the longest time in which no call got a number.
func (h *History) LongestPause() time.Duration { return h.longestPause }

// wait returns after d or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
