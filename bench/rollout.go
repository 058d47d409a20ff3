package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/loadtest"
)

const (
	rolloutReplicas = 3
	rolloutRate     = 500 // requests a second
	rolloutWarm     = 3 * time.Second
)

// addRollout fills the rows about replicas that are replaced under load.
func (c *changing) addRollout(own *contender) {
	var verified struct {
		All    struct{ Failed int }
		Phases []struct {
			P99 float64 `json:"p99_ns"`
		}
	}
	c.set(own, rowRollout, func(ctx context.Context) (float64, error) {
		if _, err := c.ours.output(ctx, "scale", fmt.Sprintf("web=%d", rolloutReplicas)); err != nil {
			return 0, err
		}
		out, err := c.ours.output(ctx, "verify", "rollout", "--rate", fmt.Sprint(rolloutRate), "--for", "10s", "--format", "json")
		if err == nil {
			err = json.Unmarshal(out, &verified)
		}
		return float64(verified.All.Failed), err
	})
	c.set(own, rowRolloutP99, func(ctx context.Context) (float64, error) {
		_, err := c.ours.output(ctx, "down", "-t", "0")
		if len(verified.Phases) != 3 || verified.Phases[0].P99 == 0 {
			return 0, errors.Join(err, errors.New("the rollout was not measured"))
		}
		return verified.Phases[1].P99 / verified.Phases[0].P99, err
	})
}

// addRolloutFloor measures what other containers that come and go on the same machine do to the latency: nothing of the stack
// is touched.
func (c *changing) addRolloutFloor(f *contender) {
	c.set(f, rowRolloutP99, func(ctx context.Context) (float64, error) {
		defer func() { _, _ = c.ours.output(context.WithoutCancel(ctx), "down", "-t", "0") }()
		if _, err := c.ours.output(ctx, "up", "--scale", fmt.Sprintf("web=%d", rolloutReplicas)); err != nil {
			return 0, err
		}
		network := f.project + "_rollout"
		if err := c.makeNetwork(ctx, f.project, network); err != nil {
			return 0, err
		}
		load := loadtest.Start(ctx, loadtest.Target{URL: fmt.Sprintf("http://127.0.0.1:%d/count", c.ours.port), Rate: rolloutRate})
		select {
		case <-time.After(rolloutWarm):
		case <-ctx.Done():
		}
		load.Enter(loadtest.During)
		err := c.comeAndGo(ctx, f.project, network)
		load.Enter(loadtest.After)
		result := load.Stop(ctx)
		before, during := result.Phases[loadtest.Before], result.Phases[loadtest.During]
		if before.P99 == 0 || result.All.Failed > 0 {
			err = errors.Join(err, fmt.Errorf("%d of %d requests failed", result.All.Failed, result.All.Requests))
		}
		return float64(during.P99) / float64(max(before.P99, 1)), err
	})
}

// comeAndGo makes, starts, stops and removes containers of the web tier, one after the other.
func (c *changing) comeAndGo(ctx context.Context, project, network string) error {
	for i := range rolloutReplicas {
		name := fmt.Sprintf("%s-web-%d", project, i)
		if err := c.runOne(ctx, project, network, name, container.Config{Image: c.web, Env: []string{"REDIS_HOST=127.0.0.1"}}); err != nil {
			return err
		}
		if err := c.engine.ContainerStop(ctx, name, container.StopOptions{}); err != nil {
			return err
		}
		if err := c.engine.ContainerRemove(ctx, name, container.RemoveOptions{}); err != nil {
			return err
		}
	}
	return nil
}
