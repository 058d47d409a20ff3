package project

import (
	"context"
	"fmt"
	"slices"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/retry"
	"stackctl.dev/stackctl/internal/stack"
)

// Operations are the operations that `verify` runs under load, by name.
var Operations = map[string]func(context.Context, *Project) error{
	"rollout": func(ctx context.Context, p *Project) error {
		service, result, err := p.Rollout(ctx, RolloutOptions{Rolling: Rolling{Parallel: 1}})
		return p.sayTook(fmt.Sprintf("rollout of service %q done", service), result, err)
	},
	"scale": func(ctx context.Context, p *Project) error {
		service, n, err := p.behind(ctx)
		if err != nil {
			return err
		}
		if err := p.scaleTo(ctx, service, n+2); err != nil {
			return err
		}
		return p.scaleTo(ctx, service, n)
	},
	"kill":          killOne,
	"restart-redis": restartStore,
}

// sayTook says how long a successful operation took, and returns err.
func (p *Project) sayTook(done string, result Result, err error) error {
	if err == nil {
		p.say("%s in %s", done, result.Took.Round(10*time.Millisecond))
	}
	return err
}

// behind returns the service behind nginx, and its number of replicas.
func (p *Project) behind(ctx context.Context) (service string, replicas int, err error) {
	s, err := p.Files.Read(ctx, stack.Settings{})
	if err != nil {
		return "", 0, err
	}
	services := s.Behind()
	if len(services) != 1 {
		return "", 0, fmt.Errorf("%w: %d services are behind a proxy, and it must be one", ErrChoice, len(services))
	}
	containers, err := observe.Containers(ctx, p.Engine, p.Name)
	for _, c := range containers {
		if c.Service == services[0] && !c.OneOff {
			replicas++
		}
	}
	return services[0], replicas, err
}

func (p *Project) scaleTo(ctx context.Context, service string, n int) error {
	result, err := p.Scale(ctx, UpOptions{Replicas: map[string]int{service: n}})
	return p.sayTook(fmt.Sprintf("scaled %s to %d", service, n), result, err)
}

// Spare adds a second replica if there is only one, so that one can be killed; restore removes it.
func (p *Project) Spare(ctx context.Context) (restore func(context.Context) error, err error) {
	service, n, err := p.behind(ctx)
	if err != nil || n != 1 {
		return func(context.Context) error { return nil }, err
	}
	return func(ctx context.Context) error { return p.scaleTo(ctx, service, n) }, p.scaleTo(ctx, service, 2)
}

// restAfterKill is the pause between killing a replica and starting it again.
const restAfterKill = time.Second

// killOne sends a replica SIGKILL, and starts it again.
func killOne(ctx context.Context, p *Project) error {
	service, _, err := p.behind(ctx)
	if err != nil {
		return err
	}
	c, err := p.find(ctx, func(c observe.Container) bool { return c.Service == service && c.State == "running" })
	if err != nil {
		return err
	}
	if _, err := p.Act(ctx, Kill, ActOptions{Container: c.ID, Signal: "SIGKILL"}); err != nil {
		return err
	}
	p.say("killed container %s", c.Name)
	if err := retry.Wait(ctx, restAfterKill, nil); err != nil {
		return err
	}
	_, err = p.Act(ctx, Start, ActOptions{Container: c.ID})
	return err
}

// restartStore restarts the stack's Redis.
func restartStore(ctx context.Context, p *Project) error {
	c, err := p.find(ctx, func(c observe.Container) bool { return c.Labels[label.StorePort] != "" })
	if err != nil {
		return err
	}
	_, err = p.Act(ctx, Restart, ActOptions{Container: c.ID})
	return err
}

func (p *Project) find(ctx context.Context, is func(observe.Container) bool) (observe.Container, error) {
	containers, err := observe.Containers(ctx, p.Engine, p.Name)
	if err != nil {
		return observe.Container{}, err
	}
	i := slices.IndexFunc(containers, is)
	if i < 0 {
		return observe.Container{}, fmt.Errorf("finding a container of project %q for the operation: there is none; start the stack with `stackctl up`", p.Name)
	}
	return containers[i], nil
}
