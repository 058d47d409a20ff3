package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/retry"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

const (
	// nginx's log tells of a visit before the next reading does: a line of it has the counter read at once, and then every second until
	// it has been quiet for a while, so that its rate is seen to fall. Without one it is still read now and then, for visits that are
	// counted without nginx.
	pollBusy   = time.Second
	pollIdle   = 5 * time.Second
	quietAfter = 5 // readings without a change
	pollLimit  = 5 * time.Second
)

// pollVisits reads the counter with GET, which counts nothing. visited says that there may be more visits.
func pollVisits(ctx context.Context, client *store.Client, clock func() time.Time, visited <-chan struct{}, send func(tea.Msg)) {
	last, quiet, wait := int64(-1), 0, pollBusy
	for {
		limited, cancel := context.WithTimeout(ctx, pollLimit)
		n, _, err := client.Visits(limited)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			send(visitpane.Unknown{At: clock(), Err: err})
			if retry.Wait(ctx, wait, nil) != nil {
				return
			}
			quiet, wait = 0, min(2*wait, pollIdle)
			continue
		}
		send(visitpane.Count{At: clock(), Visits: n})
		wait = pollBusy
		quiet++
		if n != last {
			last, quiet = n, 0
		}
		if quiet < quietAfter {
			if retry.Wait(ctx, pollBusy, nil) != nil {
				return
			}
			continue
		}
		if retry.Wait(ctx, pollIdle, visited) != nil {
			return
		}
	}
}
