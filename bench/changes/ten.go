package changes

import (
	"context"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/bench/report"
	"stackctl.dev/stackctl/bench/rig"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

const (
	manyServices = 10
	manyReplicas = 10
)

// ten are services of one container; three depend on each other in a chain, the seventh has a variable that differs.
const ten = `x-redis: &redis {image: %q, entrypoint: [redis-server], command: [--save, ""], stop_grace_period: 10s}
services:
  s1: *redis
  s2: {<<: *redis, depends_on: [s1]}
  s3: {<<: *redis, depends_on: [s2]}
  s4: *redis
  s5: *redis
  s6: *redis
  s7: {<<: *redis, environment: {VALUE: %q}}
  s8: *redis
  s9: *redis
  s10: *redis
`

// addTen fills the rows about ten services, of stackctl, the Engine API itself and docker compose.
func (c *changing) addTen(ctx context.Context, own *rig.Contender) error {
	file, err := c.TempFile("ten.yaml", fmt.Appendf(nil, ten, c.redis, "1"))
	if err != nil {
		return err
	}
	changed, err := c.TempFile("changed.yaml", fmt.Appendf(nil, ten, c.redis, "2"))
	if err != nil {
		return err
	}
	// Compose does not wait either.
	c.addTool(own, c.Program(c.Binary, "-p", own.Project), file, changed, "--no-wait")
	if c.Wants(report.Floor) {
		if err := c.addFloor(); err != nil {
			return err
		}
	}
	compose, tool, err := c.AddCompose(ctx, "", "", "change-compose")
	if compose != nil {
		c.addTool(compose, tool, file, changed)
	}
	return err
}

// addTool fills the rows of a tool that speaks Compose's language.
func (c *changing) addTool(contender *rig.Contender, p rig.Program, file, changed string, flags ...string) {
	p, later := p.On("-f", file), p.On("-f", changed)
	up := append([]string{"up", "-d"}, flags...)
	contender.Time(rowTenUp, p.Timing(up...))
	contender.Time(rowTenPs, p.Timing("ps"))
	contender.Time(rowTenConfig, p.Timing("config"))
	contender.Time(rowTenRecreate, later.Timing(up...))
	contender.Time(rowTenScale, later.Timing(append([]string{"scale", fmt.Sprintf("s5=%d", manyReplicas)}, flags...)...))
	contender.Time(rowTenDown, later.Timing("down"))
}

// addFloor fills the rows of the Engine API itself.
func (c *changing) addFloor() error {
	note := "**The floor** is the Engine API called from within the benchmark: the containers are created, started, stopped and removed side by side."
	f, err := c.Add(report.Column{Name: report.Floor, Note: note}, "change-floor")
	if err != nil {
		return err
	}
	bridge := f.Project + "_default"
	name := func(i int) string { return fmt.Sprintf("%s-%d", f.Project, i) }
	start := func(ctx context.Context, i int) error {
		config := container.Config{
			Image: c.redis, Entrypoint: []string{"redis-server"}, Cmd: []string{"--save", ""},
			Labels: map[string]string{label.Project: f.Project, label.Service: fmt.Sprint(i)},
		}
		host := &container.HostConfig{NetworkMode: container.NetworkMode(bridge)}
		if _, err := c.Engine.ContainerCreate(ctx, &config, host, &network.NetworkingConfig{}, nil, name(i)); err != nil {
			return err
		}
		return c.Engine.ContainerStart(ctx, name(i), container.StartOptions{})
	}
	remove := func(ctx context.Context, i int) error {
		if err := c.Engine.ContainerStop(ctx, name(i), container.StopOptions{}); err != nil {
			return err
		}
		return c.Engine.ContainerRemove(ctx, name(i), container.RemoveOptions{})
	}
	f.Time(rowTenScale, func(ctx context.Context) (time.Duration, error) {
		labels := map[string]string{label.Project: f.Project}
		if _, err := c.Engine.NetworkCreate(ctx, bridge, network.CreateOptions{Labels: labels}); err != nil {
			return 0, err
		}
		if err := sideBySide(ctx, 0, manyServices, start); err != nil {
			return 0, err
		}
		begin := time.Now()
		err := sideBySide(ctx, manyServices, manyServices+manyReplicas-1, start)
		return time.Since(begin), err
	})
	f.Time(rowTenDown, func(ctx context.Context) (time.Duration, error) {
		begin := time.Now()
		if err := sideBySide(ctx, 0, manyServices+manyReplicas-1, remove); err != nil {
			return 0, err
		}
		err := c.Engine.NetworkRemove(ctx, bridge)
		return time.Since(begin), err
	})
	return nil
}

// sideBySide does something for each number from one on and below another.
func sideBySide(ctx context.Context, from, to int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := from; i < to; i++ {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}
