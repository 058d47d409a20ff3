package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/images"
)

func newCreateCmd(a *app) *cobra.Command {
	o := &upOptions{source: "auto", noWait: true, noRecreate: true, binaryDigest: imageOptions().BinaryDigest}
	cmd := &cobra.Command{
		Use: "create [SERVICE...]", Short: "Make the stack's containers without starting them",
		Long:    "Make the containers, networks and volumes that are missing, and start none. `start` or `up` starts them. Containers that run stay as they are.",
		Example: "stackctl create && stackctl start",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.services = args
			if err := o.check(); err != nil {
				return err
			}
			return a.create(cmd.Context(), o)
		},
		ValidArgsFunction: a.completeServices,
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.build, "build", false, "build images even if they are present")
	flags.StringVar(&o.pull, "pull", "missing", "when to pull images: missing, always or never")
	flags.IntVar(&o.port, "port", 0, "publish the stack on this port (the variable STACKCTL_PORT of the Compose file)")
	return cmd
}

func (a *app) create(ctx context.Context, o *upOptions) error {
	s, eng, err := a.prepare(ctx, o)
	if err != nil {
		return err
	}
	defer eng.Close()
	show, err := a.newRenderer()
	if err != nil {
		return err
	}
	defer show.close()
	unlock, err := lockProject(ctx, eng, s.Project.Name, show)
	if err != nil {
		return err
	}
	defer unlock()
	found, err := images.Ensure(ctx, eng, s, o.images(), show.event)
	if err != nil {
		return err
	}
	plan, _, err := orchestrate.Prepare(ctx, eng, s, images.ByService(found), o.plan())
	if err != nil {
		return err
	}
	return orchestrate.Apply(ctx, eng, plan.Created(), show.event)
}

// newPullCmd and newBuildCmd are `images pull` and `images build` under the names that docker compose gives them.
func newPullCmd(a *app) *cobra.Command {
	return newImagesOf(a, "pull", "Pull the images that come from a registry")
}

func newBuildCmd(a *app) *cobra.Command {
	return newImagesOf(a, "build", "Build the images that are built, even if they are present")
}

func newImagesOf(a *app, verb, short string) *cobra.Command {
	quiet := false
	cmd := &cobra.Command{
		Use: verb + " [SERVICE...]", Short: short, Example: fmt.Sprintf("stackctl %s\nstackctl %[1]s web", verb),
		RunE: func(cmd *cobra.Command, args []string) error {
			options := imageOptions()
			options.Source, options.Pull = "auto", "missing"
			if verb == "pull" {
				options.Pull, options.Source = images.PullAsked, "registry"
			}
			options.Rebuild = verb == "build"
			if quiet {
				a.progress = "quiet"
			}
			return a.getImages(cmd.Context(), options, args...)
		},
		ValidArgsFunction: a.completeServices,
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "no progress")
	return cmd
}
