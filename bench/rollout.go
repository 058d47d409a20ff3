package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/loadtest"
)

const (
	rolloutReplicas = 3
	rolloutRate     = 500 // requests a second
	rolloutWarm     = 3 * time.Second
)

// verifiedRollout is what is read of `verify rollout`.
type verifiedRollout struct {
	All    struct{ Requests, Failed int }
	Phases []struct {
		P99 float64 `json:"p99_ns"`
	}
}

// verifyRollout rolls the web tier out under load. That requests fail is a result like any other.
func verifyRollout(ctx context.Context, p program, args ...string) (verified verifiedRollout, err error) {
	out, failure := p.output(ctx, append([]string{"verify", "rollout", "--rate", fmt.Sprint(rolloutRate), "--for", "10s", "--format", "json"}, args...)...)
	if json.Unmarshal(out, &verified) != nil || verified.All.Requests == 0 {
		return verified, errors.Join(errors.New("the rollout was not measured"), failure)
	}
	if verified.All.Failed == 0 {
		err = failure
	}
	return verified, err
}

// addNewerNginx fills the row about an nginx that the stack's own image is not, where there is one.
func (c *changing) addNewerNginx(own *contender, binary string) error {
	if c.nginx == "" {
		c.skipped = append(c.skipped, "nginx from 1.27.4 on: no folder with one was given (-nginx)")
		return nil
	}
	roots := []string{c.nginx, os.Getenv("STACKCTL_HOST_ROOT")}
	if cache, err := os.UserCacheDir(); err == nil && roots[1] == "" {
		roots[1] = filepath.Join(cache, "stackctl", "host") // stackctl's default, where what is not in the folder is found
	}
	dir := filepath.Join(c.dir, "newer")
	if err := os.CopyFS(dir, assets.FS); err != nil {
		return err
	}
	image := filepath.Join(dir, "image.yaml") // a name of its own: nobody else's stack takes what is made for it
	if err := os.WriteFile(image, []byte("services: {nginx: {image: stackctl-bench-nginx}}\n"), 0o600); err != nil {
		return err
	}
	newer := program{
		command: []string{binary, "-p", own.project + "-newer", "-f", filepath.Join(dir, "compose.yaml"), "-f", image, "--progress", "plain"}, dir: c.dir,
		env: append(c.environment(), fmt.Sprintf("STACKCTL_PORT=%d", own.port), "STACKCTL_HOST_ROOT="+strings.Join(roots, string(filepath.ListSeparator))),
	}
	c.set(own, rowRolloutNew, func(ctx context.Context) (float64, error) {
		defer func() { _ = c.purge(context.WithoutCancel(ctx), own.project+"-newer") }()
		if _, err := newer.output(ctx, "up", "-d", "--images", "host", "--scale", fmt.Sprintf("web=%d", rolloutReplicas)); err != nil {
			return 0, err
		}
		once, err := verifyRollout(ctx, newer, "--no-retry")
		return float64(once.All.Failed), err
	})
	return nil
}

// addRollout fills the rows about replicas that are replaced under load.
func (c *changing) addRollout(own *contender) {
	var verified verifiedRollout
	c.set(own, rowRollout, func(ctx context.Context) (failed float64, err error) {
		if _, err := c.ours.output(ctx, "scale", fmt.Sprintf("web=%d", rolloutReplicas)); err != nil {
			return 0, err
		}
		verified, err = verifyRollout(ctx, c.ours.program)
		return float64(verified.All.Failed), err
	})
	c.set(own, rowRolloutP99, func(context.Context) (float64, error) {
		if len(verified.Phases) != 3 || verified.Phases[0].P99 == 0 {
			return 0, errors.New("the rollout was not measured")
		}
		return verified.Phases[1].P99 / verified.Phases[0].P99, nil
	})
	c.set(own, rowRolloutOnce, func(ctx context.Context) (float64, error) {
		once, err := verifyRollout(ctx, c.ours.program, "--no-retry")
		_, downErr := c.ours.output(ctx, "down", "-t", "0")
		return float64(once.All.Failed), errors.Join(err, downErr)
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
