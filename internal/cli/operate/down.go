package operate

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
)

type downOptions struct {
	project.DownOptions
	images string
	yes    bool
}

func newDownCmd(a *app) *cobra.Command {
	o := &downOptions{}
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop and remove the stack",
		Long: "Stop and remove the project's containers and networks, found by their labels: no Compose file is needed.\n" +
			"nginx stops first, then all others side by side. Volumes stay unless --volumes is given.",
		Example: "stackctl down\nstackctl down -t 0            # without a grace period\nstackctl down --volumes       # the counter too; asks first",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Images = planner.RemoveImages(o.images)
			return a.down(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.Volumes, "volumes", "v", false, "remove the volumes too: shows what is lost, and asks; without a terminal, the embedded stack needs --yes")
	flags.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&o.RemoveOrphans, "remove-orphans", false, "with --file: also remove containers of services that the file does not have")
	cli.AddChoice(cmd, &o.images, "rmi", "remove images too: local (those built without a name of their own) or all", "local", "all")
	cli.AddGrace(cmd, &o.Grace)
	return cmd
}

func (a *app) down(ctx context.Context, o *downOptions) error {
	eng, name, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	if o.Volumes {
		if err := a.confirmLoss(ctx, eng, name, o.yes); err != nil {
			return err
		}
	}
	show := a.Progress.Renderer(a.Err)
	result, back, err := a.On(eng, name, show).Down(ctx, o.DownOptions)
	show.Close()
	if ctx.Err() != nil {
		a.PrintInterrupted()
	}
	if err != nil {
		return err
	}
	if !result.Changed {
		a.Tell(fmt.Sprintf("nothing to remove: project %q has no containers or networks", name))
		return nil
	}
	a.Tell("removed in " + progress.Round(result.Took).String())
	if back != "" {
		a.Tell("to have it back as it was: " + back)
	}
	return nil
}
