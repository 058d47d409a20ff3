package logs

import (
	"context"
	"time"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// backoff makes tries less frequent while they fail.
type backoff struct{ last time.Duration }

// wait pauses, twice as long as the time before; early ends the pause, but not what the next one will be.
func (b *backoff) wait(ctx context.Context, early <-chan struct{}) error {
	b.last = min(max(2*b.last, firstPause), longestPause)
	timer := time.NewTimer(b.last)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-early:
	case <-timer.C:
	}
	return nil
}

func (b *backoff) reset() { b.last = 0 }
