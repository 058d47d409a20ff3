package main

import (
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/cli/data"
	"stackctl.dev/stackctl/internal/cli/inspect"
	"stackctl.dev/stackctl/internal/cli/operate"
	"stackctl.dev/stackctl/internal/terminal"
)

type app struct{ *cli.App }

// newRoot is the tree of commands; limit bounds a call to the engine, see engine.Target.
func newRoot(s *terminal.Streams, limit time.Duration) *cobra.Command {
	a := &app{cli.New(s, limit)}
	root := &cobra.Command{
		Use:   "stackctl",
		Short: "Run, watch and change a small stack on a Docker Engine",
		Long: "stackctl builds, starts, watches, repairs and removes a three-tier stack (nginx, a Go web tier, Redis) through the " +
			"Docker Engine API.\nThe stack is a Compose file: the embedded one, or yours with --file.",
		Example: "stackctl up                   # start the stack, wait until it answers, print its URL\n" +
			"stackctl logs -f              # follow all tiers, merged in time order\n" +
			"stackctl -p test up --port 8080   # another copy beside it",
		SilenceErrors: true, SilenceUsage: true,
		// As in Compose, -f before the verb is the file; after `logs` it means follow.
		TraverseChildren: true,
		Args:             cobra.NoArgs,
		RunE:             func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.In)
	root.SetOut(terminal.Raw(s.Out))
	root.SetErr(terminal.Raw(s.Err))
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return cli.WrongFlag(err) })
	a.AddFlags(root)
	root.AddCommand(operate.Commands(a.App)...)
	root.AddCommand(inspect.Commands(a.App)...)
	root.AddCommand(data.Commands(a.App)...)
	root.AddCommand(newDashCmd(a), newDemoCmd(a), newVersionCmd(a), newServeCmd(a), newWAFCmd(a), newHoldCmd(a), newCertsCmd(a), newEdgeCmd(a), newArchiveCmd(a), newTunnelCmd(a), newLookupCmd(a))
	return root
}
