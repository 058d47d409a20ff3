package main

import (
	"context"
	"os"
	"syscall"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/tui/redispane"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// redisREPL is the console on a terminal. A history that cannot be kept is no reason not to open it.
func (a *app) redisREPL(ctx context.Context, session *console.Session, o *redisOptions) error {
	themes, err := theme.Load(os.Getenv("STACKCTL_THEME"))
	if err != nil {
		return usageError{err}
	}
	history, err := console.OpenHistory(historyFile())
	if err != nil {
		a.tell("stackctl: " + safeText(err.Error()) + "; going on without the history")
	}
	ctx, stop := untilSignal(ctx, syscall.SIGHUP) // the terminal goes away
	defer stop()
	return causeOf(ctx, redispane.RunREPL(ctx, a.In, raw(a.Out), themes, redispane.Options{
		Session: session, History: history,
		Format: func(args []string, reply store.Reply) string { return o.format.text(args, reply, true) },
	}))
}
