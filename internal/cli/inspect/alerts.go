package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/prometheus"
)

func newAlertsCmd(a *app) *cobra.Command {
	format := "table"
	cmd := &cobra.Command{
		Use: "alerts", Short: "List the alerts of the stack's Prometheus",
		Long: "List the alerts that fire, and those that are about to: the worst first, each with what to do next. The exit code is 2 while one fires.\n" +
			"`up --with monitoring` turns Prometheus on.",
		Example: "stackctl alerts\nstackctl alerts --format json\nstackctl alerts || echo 'something is wrong'",
		Args:    cli.Usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.alerts(cmd.Context(), format) },
	}
	cli.AddChoice(cmd, &format, "format", "table or json", "table", "json")
	return cmd
}

// alertsFire is the exit code while an alert fires.
const alertsFire = cli.ExitError(2)

func (a *app) alerts(ctx context.Context, format string) error {
	eng, project, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	client := prometheus.Reach(eng, project)
	defer client.Close()
	alerts, err := client.Worst(ctx)
	if err != nil {
		return err
	}
	if len(alerts) == 0 && format != "json" {
		fmt.Fprintln(a.Err, "no alert fires")
		return nil
	}
	now := time.Now()
	heads := []string{"ALERT", "STATE", "SEVERITY", "SINCE", "WHAT IS WRONG", "WHAT TO DO NEXT"}
	err = cli.Rows(a.Out, format, heads, alerts, func(alert prometheus.Raised) []string {
		since := now.Sub(alert.Since).Round(time.Second)
		return []string{alert.Name, alert.State, alert.Severity, since.String(), cmp.Or(alert.Summary, alert.Value), alert.Next}
	})
	if err == nil && slices.ContainsFunc(alerts, prometheus.Raised.Firing) {
		return alertsFire
	}
	return err
}
