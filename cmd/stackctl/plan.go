package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/termtext"
)

// exitChanges says that a plan has something to do.
const exitChanges = exitError(2)

func newPlanCmd(a *app) *cobra.Command {
	o := &upOptions{pull: "missing", source: "auto", noWait: true, dryRun: true, binaryDigest: imageOptions().BinaryDigest}
	format := ""
	cmd := &cobra.Command{
		Use:   "plan [SERVICE...]",
		Short: "Say what `up` would do",
		Long: "Say what `up` would do to each object, and why, field by field; secrets are hidden. Nothing is changed.\n" +
			"The exit code is 0 if there is nothing to do, 2 if there is, and 1 after an error.",
		Example: "stackctl plan\nstackctl plan web --format json\nstackctl -f compose.yaml plan || echo 'not as described'",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.services = args
			if err := oneOf("format", format, "text", "json"); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			return a.plan(cmd.Context(), o, format)
		},
		ValidArgsFunction: a.completeServices,
	}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "text", "text or json")
	flags.BoolVar(&o.build, "build", false, "as if images were to be built even if they are present")
	flags.BoolVar(&o.forceRecreate, "force-recreate", false, "as if containers were to be recreated even if nothing changed")
	flags.BoolVar(&o.removeOrphans, "remove-orphans", false, "as if containers of services that the Compose file does not have were to be removed")
	flags.IntVar(&o.port, "port", 0, "publish the stack on this port (the variable STACKCTL_PORT of the Compose file)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) plan(ctx context.Context, o *upOptions, format string) error {
	s, eng, err := a.prepare(ctx, o)
	if err != nil {
		return err
	}
	defer eng.Close()
	changed, err := a.printPlan(ctx, eng, s, o, format)
	if err == nil && changed {
		return exitChanges
	}
	return err
}

// printPlan prints what `up` would do, and reports whether that is anything. It hands only the engine's reading half on.
func (a *app) printPlan(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *upOptions, format string) (changed bool, err error) {
	found, err := images.Find(ctx, eng, s, o.images())
	if err != nil {
		return false, err
	}
	plan, _, err := orchestrate.Prepare(ctx, eng, s, images.ByService(found), o.plan())
	if err != nil {
		return false, err
	}
	return a.showPlan(ctx, eng, plan, imageChanges(found, o), format)
}

// showPlan prints a plan, after the changes that come before it.
func (a *app) showPlan(ctx context.Context, eng *engine.Engine, plan *orchestrate.Plan, before []orchestrate.Change, format string) (changed bool, err error) {
	if err := plan.Describe(ctx, eng); err != nil {
		return false, err
	}
	changes := slices.Concat(before, plan.Changes)
	kept := 0
	for _, change := range changes {
		changed = changed || change.Action != "keep"
		if change.Action == "keep" && change.Kind == "container" {
			kept++
		}
	}
	if format == "json" {
		out := newJSON(a.Out)
		for _, change := range changes {
			_ = out.Encode(change)
		}
		return changed, nil
	}
	for _, change := range changes {
		if change.Action != "keep" {
			fmt.Fprint(a.Out, termtext.SafeLines(changeText(change)))
		}
	}
	for _, warning := range plan.Warnings {
		a.tell("warning: " + warning)
	}
	if !changed {
		fmt.Fprintf(a.Out, "nothing to do: %s as described\n", containers(kept))
	} else if kept > 0 {
		fmt.Fprintf(a.Out, "keep %s\n", containers(kept))
	}
	return changed, nil
}

// imageChanges lists the images that are to be got first.
func imageChanges(found []images.Resolution, o *upOptions) []orchestrate.Change {
	var changes []orchestrate.Change
	for _, res := range found {
		if res.ID != "" && (!o.build || res.Origin == images.OriginRegistry) {
			continue
		}
		action := map[images.Origin]string{images.OriginRegistry: "pull", images.OriginHost: "make"}[res.Origin]
		if action == "" {
			action = "build"
		}
		changes = append(changes, orchestrate.Change{Action: action, Kind: "image", Object: res.Ref, Service: res.Service, Cause: fmt.Sprintf("service %q needs it", res.Service)})
	}
	return changes
}

// changeText is one line, and one more for each field.
func changeText(change orchestrate.Change) string {
	action, how := change.Action, ""
	if action == "roll" {
		action, how = "replace", " while it serves"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s%s: %s\n", action, change.Kind, termtext.Safe(change.Object), how, termtext.Safe(change.Cause))
	for _, f := range change.Fields {
		switch {
		case f.Old == "":
			fmt.Fprintf(&b, "  + %s: %q\n", termtext.Safe(f.Path), f.New)
		case f.New == "":
			fmt.Fprintf(&b, "  - %s: %q\n", termtext.Safe(f.Path), f.Old)
		default:
			fmt.Fprintf(&b, "  ~ %s: %q -> %q\n", termtext.Safe(f.Path), f.Old, f.New)
		}
	}
	return b.String()
}
