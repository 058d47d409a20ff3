package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// lifecycle is a command that does one thing to the containers of some services, found by their labels.
type lifecycle struct {
	use, short, long, example string
	flags                     func(*cobra.Command, *lifecycleOptions)
	plan                      func(*orchestrate.Observed, *lifecycleOptions) (*orchestrate.Plan, error)
}

type lifecycleOptions struct {
	orchestrate.Choice
	timeout   int
	stop, yes bool
}

// lifecycles are named and flagged as those of docker compose.
var lifecycles = []lifecycle{
	{
		use: "start [SERVICE...]", short: "Start containers that do not run",
		long:    "Start containers that do not run, each when those it depends on are ready. Their configuration stays what it is: `up` brings it up to date.",
		example: "stackctl start\nstackctl start web",
		plan: func(o *orchestrate.Observed, l *lifecycleOptions) (*orchestrate.Plan, error) {
			return orchestrate.PlanStart(o, l.Choice)
		},
	},
	{
		use: "stop [SERVICE...]", short: "Stop containers, and keep them",
		long:    "Stop containers without removing them: nginx first, then all others side by side. `start` starts them again.",
		example: "stackctl stop\nstackctl stop -t 0 web",
		flags:   addTimeout,
		plan: func(o *orchestrate.Observed, l *lifecycleOptions) (*orchestrate.Plan, error) {
			return orchestrate.PlanStop(o, l.Choice)
		},
	},
	{
		use: "restart [SERVICE...]", short: "Stop containers and start them again",
		long:    "Stop containers and start them again, with the configuration that they have. Services that depend on them with `restart: true` are restarted too.\n`rollout` replaces replicas without an outage.",
		example: "stackctl restart redis\nstackctl restart --no-deps -t 5 web",
		flags: func(cmd *cobra.Command, l *lifecycleOptions) {
			addTimeout(cmd, l)
			cmd.Flags().BoolVar(&l.NoDeps, "no-deps", false, "leave services alone that depend on them")
		},
		plan: func(o *orchestrate.Observed, l *lifecycleOptions) (*orchestrate.Plan, error) {
			return orchestrate.PlanRestart(o, l.Choice)
		},
	},
	{
		use: "kill [SERVICE...]", short: "Send a signal to containers, SIGKILL unless said otherwise",
		long:    "Send a signal to the main process of running containers, without any grace period.",
		example: "stackctl kill web\nstackctl kill -s SIGHUP nginx",
		flags: func(cmd *cobra.Command, l *lifecycleOptions) {
			cmd.Flags().StringVarP(&l.Signal, "signal", "s", "SIGKILL", "the signal to send")
		},
		plan: func(o *orchestrate.Observed, l *lifecycleOptions) (*orchestrate.Plan, error) {
			return orchestrate.PlanKill(o, l.Choice)
		},
	},
	{
		use: "pause [SERVICE...]", short: "Freeze running containers",
		long:    "Freeze the processes of running containers; `unpause` lets them go on.",
		example: "stackctl pause web",
		plan: func(o *orchestrate.Observed, l *lifecycleOptions) (*orchestrate.Plan, error) {
			return orchestrate.PlanPause(o, l.Choice)
		},
	},
	{
		use: "unpause [SERVICE...]", short: "Let paused containers go on",
		long:    "Let the processes of paused containers go on.",
		example: "stackctl unpause",
		plan: func(o *orchestrate.Observed, l *lifecycleOptions) (*orchestrate.Plan, error) {
			return orchestrate.PlanUnpause(o, l.Choice)
		},
	},
	{
		use: "rm [SERVICE...]", short: "Remove stopped containers",
		long:    "Remove containers that do not run, one-off ones too; with --stop, stop them first. Asks on a terminal, unless --force is given. Volumes stay, anonymous ones too without --volumes.",
		example: "stackctl rm\nstackctl rm -sf web",
		flags: func(cmd *cobra.Command, l *lifecycleOptions) {
			cmd.Flags().BoolVarP(&l.stop, "stop", "s", false, "stop the containers first")
			cmd.Flags().BoolVarP(&l.yes, "force", "f", false, "do not ask")
			cmd.Flags().BoolVarP(&l.Volumes, "volumes", "v", false, "remove their anonymous volumes too")
		},
		plan: func(o *orchestrate.Observed, l *lifecycleOptions) (*orchestrate.Plan, error) {
			return orchestrate.PlanRemove(o, l.Choice, l.stop)
		},
	},
}

func addTimeout(cmd *cobra.Command, l *lifecycleOptions) {
	cmd.Flags().IntVarP(&l.timeout, "timeout", "t", -1, "grace period in seconds (default: each container's own)")
}

func newLifecycleCmds(a *app) []*cobra.Command {
	var cmds []*cobra.Command
	for _, l := range lifecycles {
		o := &lifecycleOptions{timeout: -1}
		cmd := &cobra.Command{
			Use: l.use, Short: l.short, Long: l.long + "\nContainers are found by their labels: no Compose file is needed.", Example: l.example,
			RunE: func(cmd *cobra.Command, args []string) error {
				o.Services = args
				if o.timeout >= 0 {
					grace := time.Duration(o.timeout) * time.Second
					o.Grace = &grace
				}
				return a.lifecycle(cmd.Context(), cmd.Name(), l, o)
			},
			ValidArgsFunction: a.completeRunning,
		}
		if l.flags != nil {
			l.flags(cmd, o)
		}
		if cmd.Flags().ShorthandLookup("f") != nil { // it is force here; naming --file keeps the global one reachable
			cmd.Flags().StringArrayVar(&a.files, "file", a.files, "Compose file; repeat it to merge several")
		}
		cmds = append(cmds, cmd)
	}
	return cmds
}

// meant are the services that a command is about, as docker compose has it: with Compose files of the user's own those that are named,
// which the files must have, else all of the files, although the project may have others. Without such files, and for a project that
// is named with --project-name alone, labels say what there is: declared is false.
func (a *app) meant(ctx context.Context, named []string) (services []string, declared bool, err error) {
	if len(a.files) == 0 && a.project != "" {
		return named, false, nil
	}
	if embedded, err := a.embedded(ctx); err != nil || embedded {
		return named, false, err
	}
	s, err := a.read(ctx, nil)
	if err != nil {
		return nil, false, err
	}
	if len(named) == 0 {
		return s.Project.ServiceNames(), true, nil
	}
	_, err = s.Named(named)
	return named, true, err
}

// checkNamed is meant for the commands that show all containers of the project where no service is named.
func (a *app) checkNamed(ctx context.Context, services []string) (declared bool, err error) {
	if len(services) > 0 {
		_, declared, err = a.meant(ctx, services)
	}
	return declared, err
}

// lifecycle plans and applies, under the project's lock.
func (a *app) lifecycle(ctx context.Context, verb string, l lifecycle, o *lifecycleOptions) error {
	begin := time.Now()
	eng, project, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	unlock, err := lockProject(ctx, eng, project, sinkRenderer(nil))
	if err != nil {
		return err
	}
	defer unlock()
	observe := orchestrate.Observe
	if verb == "start" {
		observe = orchestrate.ObserveStops
	}
	observed, err := observe(ctx, eng, project)
	if err != nil {
		return err
	}
	services, declared, err := a.meant(ctx, o.Services)
	if err != nil {
		return err
	}
	if declared && len(o.Services) == 0 {
		observed.KeepServices(services)
	}
	plan, err := l.plan(observed, o)
	if err != nil {
		return err
	}
	if plan.Empty() {
		a.tell("nothing to do: " + containers(len(observed.Containers)) + " as wanted")
		return nil
	}
	if verb == "rm" && !o.yes && isTerminal(a.In) {
		question := "Remove " + strings.Join(plan.Objects("remove container"), ", ")
		if o.Volumes {
			question += " and their anonymous volumes"
		}
		if yes, err := a.ask(ctx, question+"?"); err != nil || !yes {
			return err
		}
	}
	if verb == "rm" && o.Volumes && !isTerminal(a.In) {
		if err := a.agree(ctx, "Remove their anonymous volumes for good?", o.yes); err != nil {
			return err
		}
	}
	show, err := a.newRenderer()
	if err != nil {
		return err
	}
	err = orchestrate.Apply(ctx, eng, plan, show.event)
	a.remember(ctx, eng, project, strings.Join(append([]string{verb}, o.Services...), " "), begin, plan, err)
	show.close()
	return err
}
