package tui

import (
	"context"
	"time"

	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/redispane"
)

// newRedisPane makes the console's pane. A history that cannot be read is no reason not to open: it then begins empty, in memory.
func newRedisPane(ctx context.Context, k keys.Map, session *console.Session, src Sources, clock func() time.Time) *redispane.Pane {
	history, err := console.OpenHistory(src.History)
	if err != nil {
		history, _ = console.OpenHistory("")
	}
	return redispane.New(ctx, k, redispane.Options{Session: session, History: history, ReadOnly: src.Operator == nil, Clock: clock})
}
