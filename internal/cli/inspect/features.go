package inspect

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/stack"
)

func newFeaturesCmd(a *app) *cobra.Command {
	format := "table"
	cmd := &cobra.Command{
		Use: "features", Short: "List what the stack can have besides its three tiers",
		Long:    "List the features: whether each is on, what it does and costs, and what it publishes. `up --with` and `up --without` turn them on and off, on a running stack too.",
		Example: "stackctl features\nstackctl up --with tls,waf\nstackctl up --without waf",
		Args:    cli.Usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.features(cmd.Context(), format) },
	}
	cli.AddChoice(cmd, &format, "format", "table or json", "table", "json")
	return cmd
}

// FeatureRow is a line of `features --format json`; docs/json.md describes it.
type FeatureRow struct {
	stack.Feature
	On bool `json:"on"` // in the running stack, or, if there is none, in a new one
}

func (a *app) features(ctx context.Context, format string) error {
	s, err := a.Read(ctx)
	if err != nil {
		return err
	}
	features, err := s.Features()
	if err != nil {
		return err
	}
	on := s.With
	if s.Embedded {
		chosen, err := a.Kept(ctx, s.Project.Name)
		if err != nil {
			return err
		}
		if on = chosen.With; on == nil {
			on = stack.DefaultFeatures(features)
		}
	}
	var rows []FeatureRow
	for _, f := range features {
		if !f.Hidden {
			rows = append(rows, FeatureRow{f, slices.Contains(on, f.Name)})
		}
	}
	return cli.Rows(a.Out, format, []string{"FEATURE", "STATE", "WHAT IT DOES", "COST", "PUBLISHES"}, rows, func(r FeatureRow) []string {
		state := "off"
		if r.On {
			state = "on"
		}
		return []string{r.Name, state, r.Summary, r.Cost, r.Publishes}
	})
}
