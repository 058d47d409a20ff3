package data

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/fault"
	"stackctl.dev/stackctl/internal/store"
)

func newResetCmd(a *app) *cobra.Command {
	var yes, undo bool
	cmd := &cobra.Command{
		Use: "reset", Short: "Set the visit counter back to 0",
		Long: "Show the visit counter, ask, and remove it: the next visit is number 1. The old value is kept, so that `stackctl reset --undo` gives it back; " +
			"visits counted since the reset are added to it.",
		Example: "stackctl reset\nstackctl reset -y             # without a question, for scripts\nstackctl reset --undo",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withStore(cmd.Context(), func(ctx context.Context, dial store.Dialer) error {
				client := store.Open(dial)
				defer client.Close()
				if undo {
					return a.undoReset(ctx, client)
				}
				return a.reset(ctx, client, yes)
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&undo, "undo", false, "give back what the last reset removed")
	return cmd
}

func (a *app) reset(ctx context.Context, client *store.Client, yes bool) error {
	visits, _, err := client.Visits(ctx)
	was := strconv.FormatInt(visits, 10)
	switch f := fault.Of(err); {
	case f == fault.NotANumber: // this is what mends it
		was = f.Name
		fmt.Fprintf(a.Err, "stackctl: %s; it is kept as %s\n", f.State, store.UndoKey)
	case err != nil:
		return storeError("reading the counter", err)
	}
	agreed, given, err := a.Agreed(ctx, fmt.Sprintf("Reset %s from %s to 0?", store.VisitsKey, was), yes)
	switch {
	case err == nil && !given:
		return cli.Wrong("resetting the counter: there is no terminal to ask on; use --yes")
	case err != nil || !agreed:
		return err
	}
	old, _, err := client.Reset(ctx)
	if err != nil {
		return storeError("resetting the counter", err)
	}
	if was != fault.NotANumber.Name {
		was = strconv.FormatInt(old, 10) // visitors came while the question was asked
	}
	fmt.Fprintf(a.Out, "%s: %s -> 0\n", store.VisitsKey, was)
	return nil
}

func (a *app) undoReset(ctx context.Context, client *store.Client) error {
	from, to, err := client.Undo(ctx)
	if err != nil {
		return fmt.Errorf("undoing the reset: %w", err)
	}
	fmt.Fprintf(a.Out, "%s: %d -> %d\n", store.VisitsKey, from, to)
	return nil
}
