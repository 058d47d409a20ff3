package operate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
)

type rolloutOptions struct {
	project.RolloutOptions
	dryRun bool
}

func newRolloutCmd(a *app) *cobra.Command {
	o := &rolloutOptions{}
	cmd := &cobra.Command{
		Use:   "rollout [SERVICE]",
		Short: "Replace a service's replicas without an outage",
		Long: "Replace the replicas of a service one after another, with the configuration that the Compose file and the flags give now.\n" +
			"A new replica starts beside the old one; when it answers its healthcheck, nginx is told; when the old one has finished " +
			"its requests, it stops, and the next follows.\n" +
			"If a new replica does not become ready, the old ones are restored, and the exit code is 1.\n" +
			"Without SERVICE, it is the one behind nginx. What --image and --env change lasts until the next `up` or `rollout`: " +
			"write it into the Compose file to keep it.",
		Example: "stackctl rollout                            # the web tier, as the Compose file has it now\n" +
			"stackctl rollout web --env LOG_LEVEL=debug\nstackctl rollout web --image shop/web:2 --parallel 2 --pause 30s",
		Args: cli.Usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Service = args[0]
			}
			if err := o.check(); err != nil {
				return err
			}
			return a.rolling(cmd.Context(), "rollout", o, (*project.Project).Rollout, (*project.Project).PlanRollout)
		},
		ValidArgsFunction: a.CompleteServices,
	}
	o.addRollingFlags(a, cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.Image, "image", "", "create the replicas from this image")
	flags.StringArrayVarP(&o.Env, "env", "e", nil, "set a variable of the replicas' environment, as NAME=VALUE; repeatable")
	flags.BoolVar(&o.Build, "build", false, "build the image even if it is present")
	return cmd
}

func newRollbackCmd(a *app) *cobra.Command {
	o := &rolloutOptions{}
	cmd := &cobra.Command{
		Use:   "rollback [SERVICE]",
		Short: "Go back to a service's previous revision, without an outage",
		Long: "Replace the replicas of a service with those of an earlier revision, its image and its configuration, as `rollout` does.\n" +
			"Three earlier revisions of a service are kept; `stackctl history --revisions` lists them. Without SERVICE, it is the one behind nginx.\n" +
			"The next `up` follows the Compose file again: change it too.",
		Example: "stackctl rollback\nstackctl rollback web --to 2",
		Args:    cli.Usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Service = args[0]
			}
			if err := o.check(); err != nil {
				return err
			}
			if o.To < 0 {
				return cli.Wrong("checking --to %d: use the number of a revision, from 1", o.To)
			}
			return a.rolling(cmd.Context(), "rollback", o, (*project.Project).Rollback, (*project.Project).PlanRollback)
		},
		ValidArgsFunction: a.CompleteServices,
	}
	o.addRollingFlags(a, cmd)
	cmd.Flags().IntVar(&o.To, "to", 0, "number of the revision (default: the previous one)")
	return cmd
}

// addRollingFlags are those of everything that replaces replicas while they serve.
func (o *rolloutOptions) addRollingFlags(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&o.Parallel, "parallel", 0, "how many replicas are replaced at once (default: what deploy.update_config says, else 1)")
	flags.DurationVar(&o.Drain, "drain", 10*time.Second, "how long an old replica may take to finish its requests")
	flags.DurationVar(&o.Pause, "pause", 0, "how long to wait before the next replicas follow")
	cli.AddWaitTimeout(cmd, &o.Limit)
	flags.BoolVar(&o.dryRun, "dry-run", false, "print what would be done, and change nothing")
	a.AddYes(cmd)
}

func (o *rolloutOptions) check() error {
	for _, e := range o.Env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return cli.Wrong("checking --env %q: use NAME=VALUE", e)
		}
	}
	if o.Parallel < 0 || o.Drain <= 0 || o.Pause < 0 {
		return cli.Wrong("checking --parallel, --drain, --pause: use 0 or more, a time above 0, and a time of 0 or more")
	}
	return nil
}

// rolling is what a rollout and a rollback have in common: open, do or only say, report.
func (a *app) rolling(ctx context.Context, verb string, o *rolloutOptions,
	do func(*project.Project, context.Context, project.RolloutOptions) (string, project.Result, error),
	say func(*project.Project, context.Context, project.RolloutOptions) (project.Planned, error),
) error {
	eng, name, err := a.OpenFiles(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	show := a.Progress.Renderer(a.Err)
	p := a.On(eng, name, show)
	if o.dryRun {
		planned, err := say(p, ctx, o.RolloutOptions)
		show.Close()
		if err == nil {
			a.showPlan(planned, "text")
		}
		return err
	}
	service, result, err := do(p, ctx, o.RolloutOptions)
	show.Close()
	if err != nil {
		a.PrintFailure(ctx, p, err)
		return err
	}
	a.WarnAll(result.Warnings)
	if !result.Changed {
		a.Tell(fmt.Sprintf("nothing changed: service %q is as described", service))
		return nil
	}
	a.Tell(fmt.Sprintf("%s of service %q done in %s", verb, service, progress.Round(result.Took)))
	return nil
}
