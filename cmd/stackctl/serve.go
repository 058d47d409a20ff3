package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/server"
	"stackctl.dev/stackctl/internal/server/hold"
	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/server/waf"
	"stackctl.dev/stackctl/internal/terminal"
)

func newServeCmd(a *app) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the web tier (this is what its container does)",
		Long: "Run the web tier: GET / greets, GET /count counts a visit in Redis, GET /healthz and /readyz tell how it is.\n" +
			"It is configured by environment variables; docs/web.md lists them.",
		Example: "REDIS_HOST=127.0.0.1 LISTEN_ADDR=127.0.0.1:5002 stackctl serve",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := server.ConfigFromEnv(os.Getenv)
			if err != nil {
				return err
			}
			if check {
				return tier.Check(cmd.Context(), config.ListenAddr, "/healthz")
			}
			config.Version, config.Page = version, assets.Page
			debug.SetGCPercent(webTier)
			return server.Run(cmd.Context(), config, terminal.Raw(a.Out))
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "ask the web tier of this container whether it is alive, and exit")
	return cmd
}

func newWAFCmd(a *app) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "waf",
		Short: "Run the web application firewall's tier (this is what its container does)",
		Long: "Run the tier that inspects requests with the OWASP Core Rule Set and passes on what is no attack.\n" +
			"It is configured by environment variables; docs/waf.md lists them.",
		Example: "WAF_UPSTREAM=127.0.0.1:5002 LISTEN_ADDR=127.0.0.1:5003 stackctl waf",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := waf.ConfigFromEnv(os.Getenv)
			if err != nil {
				return err
			}
			if check {
				return tier.Check(cmd.Context(), config.MetricsAddr, "/healthz")
			}
			config.Version = version
			debug.SetGCPercent(wafTier)
			return waf.Run(cmd.Context(), config, terminal.Raw(a.Out))
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "ask the tier of this container whether it is ready, and exit")
	return cmd
}

// newHoldCmd is what the container of the feature `hold` runs.
func newHoldCmd(a *app) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:    "hold",
		Short:  "Let requests wait during a maintenance (this is what its container does)",
		Long:   "Run the tier that requests wait for during a maintenance. After SIGHUP all may go on. It is configured by environment variables: LISTEN_ADDR, HOLD_FOR, HOLD_MAX and LOG_LEVEL.",
		Hidden: true,
		Args:   cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := hold.ConfigFromEnv(os.Getenv)
			if err != nil {
				return err
			}
			if check {
				return tier.Check(cmd.Context(), config.ListenAddr, "/healthz")
			}
			released, stop := signal.NotifyContext(context.WithoutCancel(cmd.Context()), syscall.SIGHUP)
			defer stop()
			return hold.Run(cmd.Context(), config, released.Done(), terminal.Raw(a.Out))
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "ask the tier of this container whether it serves, and exit")
	return cmd
}

// newTunnelCmd is run inside the web container, by an exec of the CLI: see engine.Dial.
func newTunnelCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "tunnel HOST:PORT",
		Short:  "Join standard input and output to a TCP address",
		Hidden: true,
		Args:   cli.Usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := server.Tunnel(cmd.Context(), args[0], a.In, terminal.Raw(a.Out)); err != nil {
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
		Args:   cli.Usage(cobra.MinimumNArgs(1)),
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
