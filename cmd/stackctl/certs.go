package main

import (
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/server/certs"
	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/terminal"
)

func newCertsCmd(a *app) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "certs",
		Short: "Run the certs tier (this is what its container does)",
		Long: "Run the certs tier: it keeps a TLS certificate for nginx, and renews it.\n" +
			"It is configured by environment variables; docs/tls.md lists them.",
		Example: "CERTS_DIR=/tmp/certs CERTS_NAMES=stack.test LISTEN_ADDR=127.0.0.1:9103 stackctl certs",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := certs.ConfigFromEnv(os.Getenv)
			if err != nil {
				return err
			}
			if check {
				return tier.Check(cmd.Context(), config.ListenAddr, "/healthz")
			}
			config.Version = version
			debug.SetGCPercent(webTier)
			return certs.Run(cmd.Context(), config, terminal.Raw(a.Out))
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "ask the certs tier of this container whether there is a certificate, and exit")
	return cmd
}
