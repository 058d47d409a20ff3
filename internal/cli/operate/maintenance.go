package operate

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
)

func newMaintenanceCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "maintenance",
		Short: "Answer 503 with a message instead of passing requests on",
		Long: "During a maintenance nginx answers every request with 503 and a message: a page for browsers, a line for other clients. Requests in flight are finished; " +
			"the tiers run on, and are still asked whether they are ready. With --hold, requests wait before they get the message, and go on if the maintenance ends meanwhile.",
		Example: "stackctl maintenance on --message 'Back at noon.'\nstackctl maintenance on --hold 30s   # for a short one: nobody notices more than a pause\nstackctl maintenance on --allow 192.0.2.0/24\nstackctl maintenance off",
		Args:    cli.Usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.maintenanceState(cmd.Context()) },
	}
	o := project.MaintenanceOptions{}
	on := &cobra.Command{
		Use: "on", Short: "Begin a maintenance", Example: "stackctl maintenance on --message 'Back at noon.' --retry-after 30m",
		Args: cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Check(); err != nil {
				return cli.Wrong("%s", err)
			}
			return a.maintain(cmd.Context(), true, o)
		},
	}
	on.Flags().StringVar(&o.Message, "message", "", "what visitors read (default: We will be back soon.)")
	on.Flags().DurationVar(&o.RetryAfter, "retry-after", 2*time.Minute, "when clients are told to come again")
	on.Flags().StringSliceVar(&o.Allow, "allow", nil, "addresses and networks that are served as ever, such as 192.0.2.0/24")
	on.Flags().DurationVar(&o.Hold, "hold", 0, "let requests wait so long before they get the message, 1s to 5m (default: not at all)")
	off := &cobra.Command{
		Use: "off", Short: "End the maintenance", Example: "stackctl maintenance off",
		Args: cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.maintain(cmd.Context(), false, project.MaintenanceOptions{})
		},
	}
	cmd.AddCommand(on, off)
	return cmd
}

func (a *app) maintain(ctx context.Context, on bool, o project.MaintenanceOptions) error {
	eng, name, err := a.OpenFiles(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	show := a.Progress.Renderer(a.Err)
	result, err := a.On(eng, name, show).Maintenance(ctx, on, o)
	show.Close()
	if err != nil {
		return err
	}
	done := "maintenance is off"
	if on {
		done = "maintenance is on"
	}
	a.Tell(progress.Outcome(done, result))
	return nil
}

// maintenanceState says whether there is one.
func (a *app) maintenanceState(ctx context.Context) error {
	s, err := a.Read(ctx)
	if err != nil {
		return err
	}
	chosen, err := a.Kept(ctx, s.Project.Name)
	if err != nil {
		return err
	}
	text := "off"
	if message, on := chosen.Maintenance(); on {
		text = "on: " + message
	}
	if held := chosen.Hold(); held > 0 {
		text += "; requests wait for " + held.String() + " before they are told"
	}
	a.Tell("maintenance is " + text)
	return nil
}
