package orchestrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// Describe looks up the old values of the variables that change: a list of containers does not have them.
func Describe(ctx context.Context, r observe.Reader, p *steps.Plan) error {
	for _, change := range p.Changes {
		if !slices.ContainsFunc(change.Fields, func(f steps.Field) bool { return strings.HasPrefix(f.Path, "environment.") }) {
			continue
		}
		info, err := r.ContainerInspect(ctx, change.Replaces)
		if err != nil {
			return fmt.Errorf("inspecting container %q: %w", change.Object, err)
		}
		old := types.NewMapping(info.Config.Env)
		for i, f := range change.Fields {
			if name, ok := strings.CutPrefix(f.Path, "environment."); ok {
				change.Fields[i].Old = steps.Setting(name, old[name], f.Old)
			}
		}
	}
	return nil
}
