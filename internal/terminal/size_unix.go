//go:build unix

package terminal

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// WatchSize reports the size of the terminal that is written to, now and at each change, until ctx ends.
func (s *Streams) WatchSize(ctx context.Context, report func(width, height int)) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	defer signal.Stop(changed)
	for {
		report(Size(s.Out))
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
