package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// RolloutOptions say which service's replicas are replaced, and with what.
type RolloutOptions struct {
	Service string   // "" is the one behind nginx
	Image   string   // of the new replicas; "" is that of the Compose file
	Env     []string // NAME=VALUE, added to those of the Compose file
	Build   bool     // build the image even if it is present
	To      int      // of a rollback: the revision's number; 0 is the previous one
	Waiting
	Rolling
}

// ErrChoice says that the user must name a service.
var ErrChoice = errors.New("choosing the service")

// one is a rollout or rollback of one service.
type one struct {
	verb    string
	service string
	stack   *stack.Stack
	wish    *wish
	up      UpOptions
	options planner.Options
}

// prepare returns the rollout or rollback for the options.
func (p *Project) prepare(ctx context.Context, verb string, o RolloutOptions) (*one, error) {
	whole, err := p.Files.Read(ctx, stack.Settings{})
	if err != nil {
		return nil, err
	}
	r := &one{verb: verb, service: o.Service}
	if r.service == "" {
		behind := whole.Behind()
		if len(behind) != 1 {
			return nil, fmt.Errorf("%w: %d services are behind a proxy; name one of %s", ErrChoice, len(behind), strings.Join(whole.Project.ServiceNames(), ", "))
		}
		r.service = behind[0]
	}
	r.up = UpOptions{Services: []string{r.service}, NoDeps: true, Build: o.Build, ForceRecreate: verb == "rollout", Waiting: o.Waiting, Rolling: o.Rolling}
	r.wish, r.options = r.up.wish(), r.up.plan()
	r.options.Existing = true
	r.wish.adapt = func(s *stack.Stack, observed *observe.Observed) error {
		n := observed.Replicas(r.service)
		if n == 0 {
			return fmt.Errorf("rolling out service %q: it has no containers; start the stack with `stackctl up`", r.service)
		}
		if n != stack.Replicas(s.Project.Services[r.service]) {
			if err := s.Scale(r.service, n); err != nil {
				return err
			}
		}
		o.change(s, r.service)
		return nil
	}
	if r.stack, err = p.choose(ctx, r.wish, ""); err == nil {
		o.change(r.stack, r.service)
	}
	return r, err
}

// change sets the options' image and variables in the service.
func (o RolloutOptions) change(s *stack.Stack, service string) {
	svc := s.Project.Services[service]
	if o.Image != "" {
		stack.SetImage(&svc, o.Image)
	}
	environment := types.MappingWithEquals{}
	for name, value := range svc.Environment {
		environment[name] = value
	}
	for _, e := range o.Env {
		name, value, _ := strings.Cut(e, "=")
		environment[name] = &value
	}
	svc.Environment = environment
	s.Project.Services[service] = svc
}

// command returns the name of the history entry.
func (r *one) command() string { return r.verb + " " + r.service }

// Rollout replaces the replicas of one service while they serve, and goes back if that fails. It also returns the service's name.
func (p *Project) Rollout(ctx context.Context, o RolloutOptions) (string, Result, error) {
	r, err := p.prepare(ctx, "rollout", o)
	if err != nil {
		return o.Service, Result{}, err
	}
	result, err := p.change(ctx, r.command, func() (*steps.Plan, error) { return p.bringUp(ctx, r.stack, r.wish, r.up, r.options) })
	return r.service, result, err
}

// PlanRollout returns what Rollout would do.
func (p *Project) PlanRollout(ctx context.Context, o RolloutOptions) (Planned, error) {
	r, err := p.prepare(ctx, "rollout", o)
	if err != nil {
		return Planned{}, err
	}
	return p.plan(ctx, r.stack, r.wish, r.up, r.options)
}

// Rollback is a rollout to a kept revision.
func (p *Project) Rollback(ctx context.Context, o RolloutOptions) (string, Result, error) {
	r, err := p.prepare(ctx, "rollback", o)
	if err != nil {
		return o.Service, Result{}, err
	}
	result, err := p.change(ctx, r.command, func() (*steps.Plan, error) {
		of, err := p.goBack(ctx, r, o.To)
		if err != nil {
			return nil, err
		}
		s, err := p.recall(ctx, r.wish, r.stack)
		if err != nil {
			return nil, err
		}
		return p.makeSo(ctx, s, of, r.wish, r.up, r.options)
	})
	return r.service, result, err
}

// PlanRollback returns what Rollback would do.
func (p *Project) PlanRollback(ctx context.Context, o RolloutOptions) (Planned, error) {
	r, err := p.prepare(ctx, "rollback", o)
	if err != nil {
		return Planned{}, err
	}
	of, err := p.goBack(ctx, r, o.To)
	if err != nil {
		return Planned{}, err
	}
	if r.stack, err = p.recall(ctx, r.wish, r.stack); err != nil {
		return Planned{}, err
	}
	r.options.Adjust = p.fit(ctx, r.wish)
	return p.describe(ctx, r.stack, of, r.options)
}

// goBack finds the revision, and sets the plan's options so that its containers are created from it.
func (p *Project) goBack(ctx context.Context, r *one, number int) (map[string]planner.Image, error) {
	observed, err := observe.Project(ctx, p.Engine, p.Name)
	if err != nil {
		return nil, err
	}
	revision, err := kept.Previous(observed, r.service, number)
	if err != nil {
		return nil, err
	}
	if err := revision.Load(ctx, p.Engine); err != nil {
		return nil, err
	}
	r.options.Revisions = map[string]*kept.Revision{r.service: &revision}
	return map[string]planner.Image{r.service: {Ref: cmp.Or(revision.Image, revision.ImageID), ID: revision.ImageID}}, nil
}
