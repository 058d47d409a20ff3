package main

import (
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/server/edge"
	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/terminal"
)

func newEdgeCmd(a *app) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "edge",
		Short: "Run the tier that makes metrics of nginx's log (this is what its container does)",
		Long: "Run the tier that makes metrics of what nginx answers: it gets a line for each request by UDP.\n" +
			"It is configured by environment variables; docs/monitoring.md lists them.",
		Example: "LISTEN_ADDR=127.0.0.1:5140 METRICS_ADDR=127.0.0.1:9104 stackctl edge",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := edge.ConfigFromEnv(os.Getenv)
			if err != nil {
				return err
			}
			if check {
				return tier.Check(cmd.Context(), config.MetricsAddr, "/healthz")
			}
			config.Version = version
			debug.SetGCPercent(webTier)
			return edge.Run(cmd.Context(), config, terminal.Raw(a.Out))
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "ask the tier of this container whether it runs, and exit")
	return cmd
}
