package terminal

import "context"

// WatchSize reports the size of the terminal that is written to once: Windows has no signal for its changes.
func (s *Streams) WatchSize(_ context.Context, report func(width, height int)) {
	report(Size(s.Out))
}
