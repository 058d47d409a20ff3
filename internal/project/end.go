package project

import (
	"context"
	"errors"
	"os"
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// End stops the containers of the services to which an Up was attached; after a signal on urgent it kills those that still run.
func (p *Project) End(ctx context.Context, services []string, urgent <-chan os.Signal) error {
	_, err := p.change(ctx, nil, func() (*steps.Plan, error) {
		observed, err := observe.Project(ctx, p.Engine, p.Name)
		if err != nil {
			return nil, err
		}
		present := slices.DeleteFunc(slices.Clone(services), func(name string) bool { return observed.Replicas(name) == 0 })
		if len(present) == 0 {
			return nil, nil // they were removed
		}
		choice := planner.Choice{Services: present}
		plan, err := planner.Stop(observed, choice)
		if err != nil {
			return nil, err
		}
		stopped := make(chan error, 1)
		go func() { stopped <- apply.Plan(ctx, p.Engine, plan, p.Sink) }()
		select {
		case err := <-stopped:
			return plan, err
		case <-urgent:
		}
		kill, err := planner.Kill(observed, choice)
		if err == nil {
			err = apply.Plan(ctx, p.Engine, kill, nil)
		}
		return plan, errors.Join(err, <-stopped)
	})
	return err
}
