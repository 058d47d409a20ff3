package main

import (
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/server/archive"
	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/terminal"
)

func newArchiveCmd(a *app) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "archive",
		Short: "Run the archive tier (this is what its container does)",
		Long: "Run the archive tier: it hands the history of visits over from Redis to PostgreSQL, and answers questions about it.\n" +
			"It is configured by environment variables; docs/history.md lists them.",
		Example: "REDIS_HOST=127.0.0.1 POSTGRES_HOST=127.0.0.1 LISTEN_ADDR=127.0.0.1:9105 stackctl archive",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := archive.ConfigFromEnv(os.Getenv)
			if err != nil {
				return err
			}
			if check {
				return tier.Check(cmd.Context(), config.ListenAddr, "/healthz")
			}
			config.Version = version
			debug.SetGCPercent(webTier)
			return archive.Run(cmd.Context(), config, terminal.Raw(a.Out))
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "ask the archive tier of this container whether it is alive, and exit")
	return cmd
}
