// Package retry waits, between tries and otherwise, for no longer than somebody wants the answer.
package retry

import (
	"context"
	"time"
)

// Wait waits for so long, or until something comes on early; nil is never. It is an error if ctx ends before.
func Wait(ctx context.Context, d time.Duration, early <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-early:
	case <-timer.C:
	}
	return nil
}

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// held is how long a try must have lasted for the next one to follow at once again.
	held = 10 * time.Second
)

// Backoff makes tries less frequent while they fail. The zero value is ready for the first try.
type Backoff struct {
	pause time.Duration // the last one
	began time.Time     // the try after it
}

// Next returns how long to pause before the next try: twice as long as the last time, unless that try has lasted.
func (b *Backoff) Next() time.Duration {
	if time.Since(b.began) >= held {
		b.Reset()
	}
	b.pause = min(max(2*b.pause, firstPause), longestPause)
	b.began = time.Now().Add(b.pause)
	return b.pause
}

// Wait pauses before the next try; early ends the pause, but not what the next one will be.
func (b *Backoff) Wait(ctx context.Context, early <-chan struct{}) error {
	return Wait(ctx, b.Next(), early)
}

// Reset makes the next pause the shortest one: the last try has got somewhere.
func (b *Backoff) Reset() { b.pause = 0 }
