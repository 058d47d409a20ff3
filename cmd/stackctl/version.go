package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

// version, commit and date are set by the linker: see Makefile and goreleaser.yaml.
var (
	version = "dev"
	commit  = ""
	date    = ""
)

type versionInfo struct {
	Client clientVersion
	Server *serverVersion `json:",omitempty"`
}

type clientVersion struct{ Version, Commit, Date, Go, OS, Arch string }

type serverVersion struct{ Version, API, OS, Arch, Address, Context string }

func newVersionCmd(a *app) *cobra.Command {
	format, short := "text", false
	cmd := &cobra.Command{
		Use: "version", Short: "Print the versions of stackctl and of the engine",
		Long:    "Print the versions of stackctl and, where one answers within 3 seconds, of the engine.",
		Example: "stackctl version\nstackctl version --format json",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if short {
				fmt.Fprintln(a.Out, version)
				return nil
			}
			return a.version(cmd.Context(), format)
		},
	}
	cli.AddChoice(cmd, &format, "format", "text or json", "text", "json")
	cmd.Flags().BoolVar(&short, "short", false, "stackctl's own version alone")
	return cmd
}

func (a *app) version(ctx context.Context, format string) error {
	info := versionInfo{Client: clientVersion{Version: version, Commit: commit, Date: date, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}}
	server, err := a.serverVersion(ctx)
	info.Server = server
	if format == "json" {
		return terminal.JSON(a.Out).Encode(info)
	}
	fmt.Fprintf(a.Out, "stackctl %s (%s, %s/%s)\n", version, info.Client.Go, info.Client.OS, info.Client.Arch)
	if err != nil {
		fmt.Fprintln(a.Err, "no engine: "+cli.ErrorText(err))
		return nil
	}
	fmt.Fprintf(a.Out, "engine %s, API %s (%s/%s) at %s, context %s\n", termtext.Safe(server.Version), termtext.Safe(server.API), termtext.Safe(server.OS), termtext.Safe(server.Arch),
		termtext.Safe(server.Address), termtext.Safe(server.Context))
	return nil
}

func (a *app) serverVersion(ctx context.Context) (*serverVersion, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	eng, err := a.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer eng.Close()
	v, err := eng.ServerVersion(ctx)
	if err != nil {
		return nil, err
	}
	return &serverVersion{Version: v.Version, API: eng.API, OS: v.Os, Arch: v.Arch, Address: eng.Address, Context: eng.Context}, nil
}
