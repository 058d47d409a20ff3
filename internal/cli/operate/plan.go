package operate

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

// exitChanges says that a plan has something to do.
const exitChanges = cli.ExitError(2)

func newPlanCmd(a *app) *cobra.Command {
	o := &upOptions{}
	format := "text"
	cmd := &cobra.Command{
		Use:   "plan [SERVICE...]",
		Short: "Say what `up` would do",
		Long: "Say what `up` would do to each object, and why, field by field; secrets are hidden. Nothing is changed.\n" +
			"The exit code is 0 if there is nothing to do, 2 if there is, and 1 after an error.",
		Example: "stackctl plan\nstackctl plan web --format json\nstackctl -f compose.yaml plan || echo 'not as described'",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Services = args
			if err := o.check(cmd.Flags()); err != nil {
				return err
			}
			return a.plan(cmd.Context(), o.UpOptions, format)
		},
		ValidArgsFunction: a.CompleteServices,
	}
	flags := cmd.Flags()
	cli.AddChoice(cmd, &format, "format", "text or json", "text", "json")
	flags.BoolVar(&o.Build, "build", false, "as if images were to be built even if they are present")
	flags.BoolVar(&o.ForceRecreate, "force-recreate", false, "as if containers were to be recreated even if nothing changed")
	flags.BoolVar(&o.RemoveOrphans, "remove-orphans", false, "as if containers of services that the Compose file does not have were to be removed")
	flags.IntVar(&o.Port, "port", 0, "publish the stack on this port (the variable STACKCTL_PORT of the Compose file)")
	flags.BoolVar(&o.Defaults, "defaults", false, "as if the port, the replicas and the features were to be those of the Compose file")
	o.chosen = cli.AddChosen(cmd)
	return cmd
}

func (a *app) plan(ctx context.Context, o project.UpOptions, format string) error {
	s, eng, err := a.prepare(ctx, o)
	if err != nil {
		return err
	}
	defer eng.Close()
	planned, err := a.On(eng, s.Project.Name, progress.Plain.Renderer(a.Err)).Plan(ctx, s, o)
	if err == nil && a.showPlan(planned, format) {
		return exitChanges
	}
	return err
}

// showPlan prints a plan, and reports whether there is anything to do.
func (a *app) showPlan(planned project.Planned, format string) (changed bool) {
	kept := 0
	for _, change := range planned.Changes {
		changed = changed || change.Action != "keep"
		if change.Action == "keep" && change.Kind == "container" {
			kept++
		}
	}
	if format == "json" {
		out := terminal.JSON(a.Out)
		for _, change := range planned.Changes {
			_ = out.Encode(change)
		}
		return changed
	}
	for _, change := range planned.Changes {
		if change.Action != "keep" {
			fmt.Fprint(a.Out, termtext.SafeLines(changeText(change)))
		}
	}
	a.WarnAll(planned.Warnings)
	if !changed {
		fmt.Fprintf(a.Out, "nothing to do: %s as described\n", progress.Containers(kept))
	} else if kept > 0 {
		fmt.Fprintf(a.Out, "keep %s\n", progress.Containers(kept))
	}
	return changed
}

// changeText is one line, and one more for each field.
func changeText(change steps.Change) string {
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
