package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

const (
	// A visit is in nginx's log before it is in the next reading: a line of the log makes the counter be read, at once and then every
	// second until it has been quiet for a while, so that its rate is seen to fall. Without one it is still read now and then, for
	// whoever counts in another way.
	pollBusy   = time.Second
	pollIdle   = 5 * time.Second
	quietAfter = 5 // readings without a change
	pollLimit  = 5 * time.Second
)

// pollVisits reads the counter with GET, which counts nothing. visited says that there may be more visits.
func pollVisits(ctx context.Context, client *store.Client, clock func() time.Time, visited <-chan struct{}, send func(tea.Msg)) {
	last, quiet, retry := int64(-1), 0, pollBusy
	for {
		limited, cancel := context.WithTimeout(ctx, pollLimit)
		n, _, err := client.Visits(limited)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			send(visitpane.Unknown{At: clock(), Err: err})
			if !pause(ctx, retry, nil) {
				return
			}
			quiet, retry = 0, min(2*retry, pollIdle)
			continue
		}
		send(visitpane.Count{At: clock(), Visits: n})
		retry = pollBusy
		quiet++
		if n != last {
			last, quiet = n, 0
		}
		if quiet < quietAfter {
			if !pause(ctx, pollBusy, nil) {
				return
			}
			continue
		}
		if !pause(ctx, pollIdle, visited) {
			return
		}
	}
}

// pause waits for d, or for early; false means that ctx has ended.
func pause(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-early:
	case <-timer.C:
	}
	return true
}
