package operate

import (
	"context"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/project"
)

func newCreateCmd(a *app) *cobra.Command {
	o := &upOptions{}
	cmd := &cobra.Command{
		Use: "create [SERVICE...]", Short: "Create the stack's containers without starting them",
		Long:    "Create the containers, networks and volumes that are missing, and start none. `start` or `up` starts them. Running containers are left as they are.",
		Example: "stackctl create && stackctl start",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Services = args
			if err := o.check(cmd.Flags()); err != nil {
				return err
			}
			return a.create(cmd.Context(), o.UpOptions)
		},
		ValidArgsFunction: a.CompleteServices,
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.Build, "build", false, "build images even if they are present")
	o.addPull(cmd)
	flags.IntVar(&o.Port, "port", 0, "publish the stack on this port (the variable STACKCTL_PORT of the Compose file)")
	a.AddYes(cmd)
	return cmd
}

func (a *app) create(ctx context.Context, o project.UpOptions) error {
	s, eng, err := a.prepare(ctx, o)
	if err != nil {
		return err
	}
	defer eng.Close()
	show := a.Progress.Renderer(a.Err)
	defer show.Close()
	result, err := a.On(eng, s.Project.Name, show).Create(ctx, s, o)
	a.WarnAll(result.Warnings)
	return err
}
