package project

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// Scale sets the numbers of replicas of the services in the options, and changes no other service.
func (p *Project) Scale(ctx context.Context, o UpOptions) (Result, error) {
	o.Services, o.NoDeps = slices.Sorted(maps.Keys(o.Replicas)), true
	w := o.wish()
	s, err := p.choose(ctx, w, "")
	if err != nil {
		return Result{}, err
	}
	w.adapt = func(s *stack.Stack, observed *observe.Observed) error {
		if s.Embedded && len(observed.Containers) == 0 {
			return fmt.Errorf("scaling project %q: it has no containers; start the stack with `stackctl up`", p.Name)
		}
		return nil
	}
	return p.change(ctx, func() string { return "scale" + assignments(o.Replicas) }, func() (*steps.Plan, error) {
		options := o.plan()
		options.Existing = true
		return p.bringUp(ctx, s, w, o, options)
	})
}

// assignments returns a text such as " web=3 worker=2".
func assignments(replicas map[string]int) (text string) {
	for _, service := range slices.Sorted(maps.Keys(replicas)) {
		text += fmt.Sprintf(" %s=%d", service, replicas[service])
	}
	return text
}
