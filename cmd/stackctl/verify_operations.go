package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

// verified is the project to which the operations are done.
type verified struct {
	*app
	eng     *engine.Engine
	project string
}

// operations are what can be verified.
var operations = map[string]func(context.Context, *verified) error{
	"rollout": func(ctx context.Context, v *verified) error {
		return v.rollout(ctx, &rolloutOptions{upOptions: upOptions{
			pull: "missing", source: "auto", forceRecreate: true, binaryDigest: imageOptions().BinaryDigest, rolling: rollingOptions{parallel: 1},
		}})
	},
	"scale": func(ctx context.Context, v *verified) error {
		service, n, err := v.behind(ctx)
		if err != nil {
			return err
		}
		if err := v.scaleTo(ctx, service, n+2); err != nil {
			return err
		}
		return v.scaleTo(ctx, service, n)
	},
	"kill":          killOne,
	"restart-redis": restartStore,
}

// behind is the service behind nginx, and how many replicas it has.
func (v *verified) behind(ctx context.Context) (service string, replicas int, err error) {
	s, err := v.read(ctx, nil)
	if err != nil {
		return "", 0, err
	}
	services := s.Behind()
	if len(services) != 1 {
		return "", 0, fmt.Errorf("choosing the service: %d stand behind a proxy, where one is expected", len(services))
	}
	observed, err := orchestrate.Observe(ctx, v.eng, v.project)
	if err != nil {
		return "", 0, err
	}
	return services[0], observed.Replicas(services[0]), nil
}

func (v *verified) scaleTo(ctx context.Context, service string, n int) error {
	return v.scaleCommand(ctx, &scaleOptions{
		upOptions: upOptions{pull: "missing", source: "auto", binaryDigest: imageOptions().BinaryDigest},
		replicas:  map[string]int{service: n},
	})
}

// second adds a replica where there is one only; restore removes it again.
func (v *verified) second(ctx context.Context) (restore func() error, err error) {
	service, n, err := v.behind(ctx)
	if err != nil || n != 1 {
		return func() error { return nil }, err
	}
	return func() error { return v.scaleTo(ctx, service, n) }, v.scaleTo(ctx, service, 2)
}

// killOne ends a replica without warning, and starts it again.
func killOne(ctx context.Context, v *verified) error {
	service, _, err := v.behind(ctx)
	if err != nil {
		return err
	}
	c, err := v.find(ctx, func(c orchestrate.Container) bool { return c.Service == service && c.State == "running" })
	if err != nil {
		return err
	}
	if err := v.eng.ContainerKill(ctx, c.ID, "SIGKILL"); err != nil {
		return fmt.Errorf("killing container %q: %w", c.Name, err)
	}
	v.tell("killed container " + c.Name)
	wait(ctx, time.Second)
	return v.operate(ctx, c, orchestrate.OperationStart)
}

// restartStore restarts the stack's Redis.
func restartStore(ctx context.Context, v *verified) error {
	c, err := v.find(ctx, func(c orchestrate.Container) bool { return c.Labels[orchestrate.LabelStorePort] != "" })
	if err != nil {
		return err
	}
	return v.operate(ctx, c, orchestrate.OperationRestart)
}

func (v *verified) find(ctx context.Context, is func(orchestrate.Container) bool) (orchestrate.Container, error) {
	containers, err := orchestrate.Containers(ctx, v.eng, v.project)
	if err != nil {
		return orchestrate.Container{}, err
	}
	i := slices.IndexFunc(containers, is)
	if i < 0 {
		return orchestrate.Container{}, fmt.Errorf("finding a container of project %q for it: there is none", v.project)
	}
	return containers[i], nil
}

// operate does one thing to one container, as the dashboard does.
func (v *verified) operate(ctx context.Context, c orchestrate.Container, operation orchestrate.Operation) error {
	show, err := v.newRenderer()
	if err != nil {
		return err
	}
	defer show.close()
	observed, err := orchestrate.Observe(ctx, v.eng, v.project)
	if err != nil {
		return err
	}
	plan, err := orchestrate.PlanOperation(observed, c.ID, operation)
	if err != nil {
		return err
	}
	return orchestrate.Apply(ctx, v.eng, plan, show.event)
}
