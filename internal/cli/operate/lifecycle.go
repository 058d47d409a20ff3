package operate

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/terminal"
)

// lifecycle is a command that does one thing to the containers of some services, found by their labels.
type lifecycle struct {
	use, short, long, example string
	flags                     func(*cobra.Command, *lifecycleOptions)
}

type lifecycleOptions struct {
	project.ActOptions
	yes bool
}

// lifecycles are named and flagged as those of docker compose.
var lifecycles = []lifecycle{
	{
		use: "start [SERVICE...]", short: "Start containers that do not run",
		long:    "Start containers that do not run, each when those it depends on are ready. Their configuration is not changed: `up` does that.",
		example: "stackctl start\nstackctl start web",
	},
	{
		use: "stop [SERVICE...]", short: "Stop containers, and keep them",
		long:    "Stop containers without removing them: nginx first, then all others side by side. `start` starts them again.",
		example: "stackctl stop\nstackctl stop -t 0 web",
		flags:   addTimeout,
	},
	{
		use: "restart [SERVICE...]", short: "Stop containers and start them again",
		long:    "Stop containers and start them again, with the configuration that they have. Services that depend on them with `restart: true` are restarted too.\n`rollout` replaces replicas without an outage.",
		example: "stackctl restart redis\nstackctl restart --no-deps -t 5 web",
		flags: func(cmd *cobra.Command, l *lifecycleOptions) {
			addTimeout(cmd, l)
			cmd.Flags().BoolVar(&l.NoDeps, "no-deps", false, "do not restart services that depend on them")
		},
	},
	{
		use: "kill [SERVICE...]", short: "Send a signal to containers, SIGKILL by default",
		long:    "Send a signal to the main process of running containers, without any grace period.",
		example: "stackctl kill web\nstackctl kill -s SIGHUP nginx",
		flags: func(cmd *cobra.Command, l *lifecycleOptions) {
			cmd.Flags().StringVarP(&l.Signal, "signal", "s", "SIGKILL", "the signal to send")
		},
	},
	{
		use: "pause [SERVICE...]", short: "Freeze running containers",
		long:    "Freeze the processes of running containers; `unpause` lets them go on.",
		example: "stackctl pause web",
	},
	{
		use: "unpause [SERVICE...]", short: "Let paused containers go on",
		long:    "Let the processes of paused containers go on.",
		example: "stackctl unpause",
	},
	{
		use: "rm [SERVICE...]", short: "Remove stopped containers",
		long:    "Remove containers that do not run, one-off ones too; with --stop, stop them first. Asks on a terminal, unless --force is given. Volumes stay, anonymous ones too without --volumes.",
		example: "stackctl rm\nstackctl rm -sf web",
		flags: func(cmd *cobra.Command, l *lifecycleOptions) {
			cmd.Flags().BoolVarP(&l.StopFirst, "stop", "s", false, "stop the containers first")
			cmd.Flags().BoolVarP(&l.yes, "force", "f", false, "do not ask")
			cmd.Flags().BoolVarP(&l.Volumes, "volumes", "v", false, "remove their anonymous volumes too")
		},
	},
}

func addTimeout(cmd *cobra.Command, l *lifecycleOptions) { cli.AddGrace(cmd, &l.Grace) }

func newLifecycleCmds(a *app) []*cobra.Command {
	var cmds []*cobra.Command
	for _, l := range lifecycles {
		o := &lifecycleOptions{}
		cmd := &cobra.Command{
			Use: l.use, Short: l.short, Long: l.long + "\nContainers are found by their labels: no Compose file is needed.", Example: l.example,
			RunE: func(cmd *cobra.Command, args []string) error {
				o.Services = args
				return a.act(cmd.Context(), project.Act(cmd.Name()), o)
			},
			ValidArgsFunction: a.CompleteRunning,
		}
		if l.flags != nil {
			l.flags(cmd, o)
		}
		if cmd.Flags().ShorthandLookup("f") != nil { // it is force here; naming --file keeps the global one reachable
			cmd.Flags().StringArrayVar(&a.Files, "file", a.Files, "Compose file; repeat it to merge several")
		}
		cmds = append(cmds, cmd)
	}
	return cmds
}

// act does one thing to the containers of some services.
func (a *app) act(ctx context.Context, act project.Act, o *lifecycleOptions) error {
	eng, name, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	services, declared, err := a.Meant(ctx, o.Services)
	if err != nil {
		return err
	}
	if declared {
		o.Only = services
	}
	show := a.Progress.Renderer(a.Err)
	if act == project.Remove {
		o.Confirm = func(names []string) error {
			show.Pause()
			return a.confirmRemoval(ctx, names, o)
		}
	}
	result, err := a.On(eng, name, show).Act(ctx, act, o.ActOptions)
	show.Close()
	switch {
	case errors.Is(err, project.ErrDeclined):
		return nil
	case err == nil && !result.Changed:
		a.Tell("nothing to do for " + progress.Containers(result.Kept))
	}
	return err
}

// confirmRemoval asks on a terminal before containers go, and before anonymous volumes do in any case.
func (a *app) confirmRemoval(ctx context.Context, names []string, o *lifecycleOptions) error {
	switch {
	case terminal.Is(a.In) && !o.yes:
		question := "Remove " + strings.Join(names, ", ")
		if o.Volumes {
			question += " and their anonymous volumes"
		}
		yes, err := a.Ask(ctx, question+"?")
		if err == nil && !yes {
			err = project.ErrDeclined
		}
		return err
	case o.Volumes:
		return a.Agree(ctx, "Remove their anonymous volumes for good?", o.yes)
	}
	return nil
}
