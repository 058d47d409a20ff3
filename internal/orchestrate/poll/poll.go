// Package poll asks until something is so.
package poll

import (
	"context"
	"time"
)

// Interval is how often a container is looked at: an inspect costs the engine well below a millisecond.
const Interval = 20 * time.Millisecond

// Until calls f until it is done, fails, or ctx ends.
func Until(ctx context.Context, interval time.Duration, f func(context.Context) (done bool, err error)) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		done, err := f(ctx)
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
