package main

import (
	"context"

	"stackctl.dev/stackctl/internal/demo"
	"stackctl.dev/stackctl/internal/tui"
)

var _ tui.Operator = (*demo.Stack)(nil)

// demoDash opens the dashboard on a demonstration. The console's history stays in memory: nothing is kept.
func (a *app) demoDash(ctx context.Context, o *dashOptions, d *demo.Stack) error {
	src := tui.Sources{Project: demo.Project, Watch: d.Watch, Logs: d.Logs, Redis: d.Dial, Details: d.Details, Open: openURL}
	if !o.readOnly {
		src.Operator = d
	}
	return a.show(ctx, o, src)
}
