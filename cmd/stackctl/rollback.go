package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/stack"
)

func newRollbackCmd(a *app) *cobra.Command {
	o := &rolloutOptions{upOptions: upOptions{pull: "missing", source: "auto", binaryDigest: imageOptions().BinaryDigest}}
	revision := 0
	cmd := &cobra.Command{
		Use:   "rollback [SERVICE]",
		Short: "Go back to a service's previous revision, without an outage",
		Long: "Replace the replicas of a service by those of an earlier revision, with its image and its configuration, as `rollout` does.\n" +
			"Three earlier revisions of a service are kept; `stackctl history --revisions` lists them. Without SERVICE, it is the one behind nginx.\n" +
			"The next `up` follows the Compose file again: change it too.",
		Example: "stackctl rollback\nstackctl rollback web --to 2",
		Args:    usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.service = args[0]
			}
			if err := o.check(); err != nil {
				return err
			}
			if revision < 0 {
				return usageError{fmt.Errorf("checking --to %d: use the number of a revision, from 1", revision)}
			}
			return a.rollback(cmd.Context(), o, revision)
		},
		ValidArgsFunction: a.completeServices,
	}
	o.addRollingFlags(cmd)
	cmd.Flags().IntVar(&revision, "to", 0, "number of the revision (default: the previous one)")
	return cmd
}

// rollback is a rollout whose configuration is a kept revision's instead of the Compose file's.
func (a *app) rollback(ctx context.Context, o *rolloutOptions, number int) error {
	return a.rolling(ctx, o, "rollback", func(s *stack.Stack, eng *engine.Engine, show renderer) (*orchestrate.Plan, error) {
		kept, err := orchestrate.Observe(ctx, eng, s.Project.Name)
		if err != nil {
			return nil, err
		}
		revision, err := kept.Previous(o.service, number)
		if err != nil {
			return nil, err
		}
		if err := revision.Load(ctx, eng); err != nil {
			return nil, err
		}
		options := o.plan()
		options.Revisions = map[string]*orchestrate.Revision{o.service: &revision}
		images := map[string]orchestrate.Image{o.service: {Ref: cmp.Or(revision.Image, revision.ImageID), ID: revision.ImageID}}
		if o.dryRun {
			plan, _, err := orchestrate.Prepare(ctx, eng, s, images, options)
			if err == nil {
				_, err = a.showPlan(ctx, eng, plan, nil, "text")
			}
			return plan, err
		}
		return orchestrate.Up(ctx, eng, s, images, options, o.waiting(eng, s), show.event)
	}, time.Now())
}
