package rediscli

import (
	"context"
	"syscall"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/redispane"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// Console is the console on a terminal, with its history in a file. A history that cannot be kept is no reason not to open it.
func (c *CLI) Console(ctx context.Context, themes theme.Set, historyFile string) error {
	history, err := console.OpenHistory(historyFile)
	if err != nil {
		c.Tell("stackctl: " + termtext.Safe(err.Error()) + "; going on without the history")
	}
	ctx, stop := terminal.UntilSignal(ctx, syscall.SIGHUP) // the terminal goes away
	defer stop()
	return terminal.CauseOf(ctx, redispane.RunREPL(ctx, c.In, terminal.Raw(c.Out), themes, redispane.Options{
		Session: c.Session, History: history,
		Format: func(args []string, reply store.Reply) string { return c.Format.text(args, reply, true) },
	}))
}
