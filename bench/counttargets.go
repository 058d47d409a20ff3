package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/redis/go-redis/v9"
)

// What is measured, and by which path.
const (
	nginxCount = "nginx `/count`"
	nginxRoot  = "nginx `/`"
	webCount   = "web `/count`"
	webRoot    = "web `/`"
	plainNginx = "nginx `return 200`"
	redisIncr  = "`redis-benchmark` INCR"
	seedCount  = "the seed's nginx `/count`"

	byPort   = "published"
	byBridge = "direct"
)

// prepare starts all stacks, and lists what is measured.
func (c *counting) prepare(ctx context.Context, binary string) error {
	if !c.engine.Local() {
		return errors.New("measuring the counter: the engine is on another machine, whose containers' addresses are not to be reached")
	}
	fmt.Fprintln(c.progress, "counter: starting the stacks")
	var err error
	if c.restore, err = c.keepImages(ctx); err != nil {
		return err
	}
	if err := c.startStack(ctx, binary); err != nil {
		return err
	}
	if c.web, err = c.webImage(ctx, c.ours.project); err != nil {
		return err
	}
	if err := c.addOurs(ctx); err != nil {
		return err
	}
	if err := c.addPlain(ctx); err != nil {
		return err
	}
	if err := c.addSeed(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.skipped = append(c.skipped, "the seed's stack: "+lastLine(err.Error()))
	}
	return nil
}

func (c *counting) addOurs(ctx context.Context) error {
	rdb, host, err := c.redisOf(ctx, c.ours.project)
	if err != nil {
		return err
	}
	nginx, err := c.direct(ctx, c.ours.project, "nginx")
	if err != nil {
		return err
	}
	web, err := c.direct(ctx, c.ours.project, "web")
	if err != nil {
		return err
	}
	for _, at := range []struct{ path, url string }{{byPort, c.published(c.ours.port)}, {byBridge, nginx}} {
		count := c.countTarget(nginxCount, at.path, rdb, at.url)
		c.growing = append(c.growing, count)
		count.remembers = true
		c.targets = append(c.targets, count, c.wrkTarget(nginxRoot, at.path, at.url+"/"))
	}
	count := c.countTarget(webCount, byBridge, rdb, web)
	count.remembers = true
	c.targets = append(c.targets, count, c.wrkTarget(webRoot, byBridge, web+"/"))
	if _, err := exec.LookPath("redis-benchmark"); err != nil {
		c.skipped = append(c.skipped, "redis-benchmark: not on PATH; install it (`apt-get install redis-tools`)")
		return nil
	}
	c.targets = append(c.targets, target{what: redisIncr, path: byBridge, measure: c.redisBenchmark(rdb, host)})
	return nil
}

func (c *counting) addPlain(ctx context.Context) error {
	port, err := c.startPlain(ctx)
	if err != nil {
		return err
	}
	bridge, err := c.direct(ctx, c.plain, "nginx")
	if err != nil {
		return err
	}
	if err := c.awaitAnswer(ctx, bridge); err != nil {
		return err
	}
	c.targets = append(c.targets, c.wrkTarget(plainNginx, byPort, c.published(port)+"/"), c.wrkTarget(plainNginx, byBridge, bridge+"/"))
	return nil
}

// addSeed starts the seed's stack with the first Compose that there is.
func (c *counting) addSeed(ctx context.Context) error {
	tools, missing := findComposes(ctx, c.environment())
	if len(tools) == 0 {
		return fmt.Errorf("looking for a Compose to start it: %q", missing)
	}
	if err := c.ensureSeed(ctx); err != nil {
		return err
	}
	images, err := c.ours.images(ctx)
	if err != nil {
		return err
	}
	port, err := freePort([]*contender{c.ours.contender})
	if err != nil {
		return err
	}
	seed, err := c.seedProgram(ctx, tools[0], images, c.seedName, port)
	if err != nil {
		return err
	}
	if _, err := seed.output(ctx, "up", "-d"); err != nil {
		return err
	}
	if err := awaitVisit(ctx, port); err != nil {
		return err
	}
	rdb, _, err := c.redisOf(ctx, c.seedName)
	if err != nil {
		return err
	}
	bridge, err := c.direct(ctx, c.seedName, "nginx")
	if err != nil {
		return err
	}
	c.facts = append(c.facts, fact{"the seed's stack", "started by " + tools[0].name})
	c.targets = append(c.targets, c.countTarget(seedCount, byPort, rdb, c.published(port)), c.countTarget(seedCount, byBridge, rdb, bridge))
	return nil
}

func (c *counting) countTarget(what, path string, rdb *redis.Client, url string) target {
	return target{what: what, path: path, measure: func(ctx context.Context, connections int) (sample, error) {
		return c.counted(ctx, rdb, url+"/count", connections)
	}}
}

func (c *counting) wrkTarget(what, path, url string) target {
	return target{what: what, path: path, measure: func(ctx context.Context, connections int) (sample, error) {
		return c.wrk(ctx, url, connections, c.period)
	}}
}

// awaitAnswer waits until something answers wrk, and so warms it up.
func (c *counting) awaitAnswer(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, visitLimit)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		_, err := c.wrk(ctx, url+"/", 1, time.Second)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for an answer of %q: %w; the last error: %w", url, ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
