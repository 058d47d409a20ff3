package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

type downOptions struct {
	volumes       bool
	yes           bool
	removeOrphans bool
	images        string
	timeout       int
}

func newDownCmd(a *app) *cobra.Command {
	o := &downOptions{}
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop and remove the stack",
		Long: "Stop and remove the project's containers and networks, found by their labels: no Compose file is needed.\n" +
			"nginx stops first, then all others side by side. Volumes stay unless --volumes is given.",
		Example: "stackctl down\nstackctl down -t 0            # without a grace period\nstackctl down --volumes       # the counter too; asks first",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.images != "" {
				if err := oneOf("rmi", o.images, "local", "all"); err != nil {
					return err
				}
			}
			return a.down(cmd.Context(), o, cmd.Flags().Changed("timeout"))
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.volumes, "volumes", "v", false, "remove the volumes too: shows what is lost, and asks; without a terminal, the embedded stack needs --yes")
	flags.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&o.removeOrphans, "remove-orphans", false, "with --file: also remove containers of services that the file does not have")
	flags.StringVar(&o.images, "rmi", "", "remove images too: local (those built without a name of their own) or all")
	flags.IntVarP(&o.timeout, "timeout", "t", 0, "grace period in seconds (default: each container's own)")
	return cmd
}

func (a *app) down(ctx context.Context, o *downOptions, graceGiven bool) error {
	eng, project, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	if o.volumes {
		if err := a.confirmLoss(ctx, eng, project, o.yes); err != nil {
			return err
		}
	}
	begin := time.Now()
	show, err := a.newRenderer()
	if err != nil {
		return err
	}
	plan, err := a.takeDown(ctx, eng, project, o, graceGiven, show)
	show.close()
	if ctx.Err() != nil {
		a.printInterrupted()
	}
	if err != nil {
		return err
	}
	if plan.Empty() {
		a.tell(fmt.Sprintf("nothing to remove: project %q has no containers or networks", project))
	} else {
		a.tell("removed in " + round(time.Since(begin)).String())
	}
	return nil
}

// takeDown removes what carries the project's label. With a Compose file at hand, containers of services that it does
// not have stay, unless --remove-orphans is given.
func (a *app) takeDown(ctx context.Context, eng *engine.Engine, project string, o *downOptions, graceGiven bool, show renderer) (*orchestrate.Plan, error) {
	unlock, err := lockProject(ctx, eng, project, show)
	if err != nil {
		return nil, err
	}
	defer unlock()
	embedded, err := a.embedded(ctx)
	if err != nil {
		return nil, err
	}
	var leave func(*orchestrate.Observed) []string
	if !embedded && !o.removeOrphans {
		s, err := a.read(ctx, nil)
		if err != nil {
			return nil, err
		}
		leave = func(o *orchestrate.Observed) []string { return o.KeepServices(s.Project.ServiceNames()) }
	}
	options := orchestrate.DownOptions{Volumes: o.volumes, Images: orchestrate.RemoveImages(o.images)}
	if graceGiven {
		grace := time.Duration(o.timeout) * time.Second
		options.Grace = &grace
	}
	return orchestrate.Down(ctx, eng, project, leave, options, show.event)
}
