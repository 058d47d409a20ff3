package project

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// RunOptions say what to run in a one-off container.
type RunOptions struct {
	Service string
	NoDeps  bool // do not start the service's dependencies
	planner.OneOff
}

// Run starts a service's dependencies and creates a one-off container of the service, which the caller starts and attaches to. It returns
// the container's name. The stack is the result of Choose for the service.
func (p *Project) Run(ctx context.Context, s *stack.Stack, o RunOptions) (string, error) {
	_, err := p.change(ctx, nil, func() (*steps.Plan, error) {
		only, err := s.Only(ctx, []string{o.Service})
		if err != nil {
			return nil, err
		}
		if err := p.startDependencies(ctx, s, o); err != nil {
			return nil, err
		}
		found, err := images.Ensure(ctx, p.Engine, only, p.Images, p.Sink)
		if err != nil {
			return nil, err
		}
		image := images.ByService(found)[o.Service]
		of, w, options := map[string]planner.Image{o.Service: image}, &wish{}, UpOptions{}.plan()
		options.Adjust = func(s *stack.Stack, observed *observe.Observed) (*stack.Stack, error) {
			return p.givePasswords(ctx, w, s, observed)
		}
		resources, observed, err := orchestrate.Prepare(ctx, p.Engine, only, of, options)
		if err != nil {
			return nil, err
		}
		if err := apply.Plan(ctx, p.Engine, resources.Resources(), p.Sink); err != nil {
			return nil, err
		}
		if err := p.openVault(w, of)(ctx, only); err != nil {
			return nil, err
		}
		if o.Name == "" {
			o.Name = p.oneOffName(o.Service)
		}
		plan, err := planner.RunOnce(only, observed, o.Service, image, o.OneOff)
		if err != nil {
			return nil, err
		}
		return plan, apply.Plan(ctx, p.Engine, plan, p.Sink)
	})
	return o.Name, err
}

// startDependencies brings up the services that the service depends on.
func (p *Project) startDependencies(ctx context.Context, s *stack.Stack, o RunOptions) error {
	names, err := s.DependenciesOf(o.Service)
	if err != nil || o.NoDeps || len(names) == 0 {
		return err
	}
	up := UpOptions{Services: names, Waiting: Waiting{NoWait: true}}
	w := up.wish()
	needed, err := w.selectFrom(ctx, s)
	if err != nil {
		return err
	}
	options := up.plan()
	options.AwaitReady = true
	_, err = p.bringUp(ctx, needed, w, up, options)
	return err
}

func (p *Project) oneOffName(service string) string {
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("%s-%s-run-%s", p.Name, service, hex.EncodeToString(random[:]))
}
