package main

import (
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/server"
)

func newServeCmd(a *app) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the web tier (this is what its container does)",
		Long: "Run the web tier: GET / greets, GET /count counts a visit in Redis, GET /healthz and /readyz tell how it is.\n" +
			"It is configured by environment variables; docs/web.md lists them.",
		Example: "REDIS_HOST=127.0.0.1 LISTEN_ADDR=127.0.0.1:5002 stackctl serve",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := server.ConfigFromEnv(os.Getenv)
			if err != nil {
				return err
			}
			if check {
				return server.Check(cmd.Context(), config.ListenAddr, "/healthz")
			}
			config.Version, config.Page = version, assets.Page
			debug.SetGCPercent(webTier)
			return server.Run(cmd.Context(), config, raw(a.Out))
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "ask the web tier of this container whether it is alive, and exit")
	return cmd
}

// newTunnelCmd is run inside the web container, by an exec of the CLI: see engine.Dial.
func newTunnelCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "tunnel HOST:PORT",
		Short:  "Join standard input and output to a TCP address",
		Hidden: true,
		Args:   usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.Tunnel(cmd.Context(), args[0], a.In, raw(a.Out)); err != nil {
				return fmt.Errorf("joining %s: %w", args[0], err)
			}
			return nil
		},
	}
}

// newLookupCmd is run inside the web container too: see engine.Lookup.
func newLookupCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "lookup NAME...",
		Short:  "Resolve names",
		Hidden: true,
		Args:   usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				addresses, err := net.DefaultResolver.LookupHost(cmd.Context(), name)
				if err != nil {
					return fmt.Errorf("resolving %q: %w", name, err)
				}
				fmt.Fprintln(a.Out, name, strings.Join(addresses, " "))
			}
			return nil
		},
	}
}
