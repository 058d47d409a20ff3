package operate

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
)

func newRestoreVisitsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "visits", Short: "Continue the counter above the history, after Redis lost it",
		Long: "Raise the visit counter above every number that was given out before Redis lost its data, as far as the history in PostgreSQL can tell: numbers are skipped, " +
			"and none is given twice from then on. What was counted since the loss is added. `stackctl visits` and `stackctl up` say when there is something to restore.",
		Example: "stackctl restore visits",
		Args:    cli.Usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.restoreVisits(cmd.Context()) },
	}
}

func (a *app) restoreVisits(ctx context.Context) error {
	eng, name, err := a.Open(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	if err := cli.NeedHistory(ctx, eng, name); err != nil {
		return err
	}
	dial, err := cli.DialStore(ctx, eng, name)
	if err != nil {
		return err
	}
	show := a.Progress.Renderer(a.Err)
	p := a.On(eng, name, show)
	from, to, err := p.RestoreVisits(ctx, dial)
	show.Close()
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "visits: %d -> %d\n", from, to)
	return nil
}
