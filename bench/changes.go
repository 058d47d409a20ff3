package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/orchestrate"
)

const changesTitle = "## Changes to a stack"

const readingChanges = `- Ten services of one Redis container each, of an image that is present; the third depends on the second, and that on the first.
- ` + "`up`, `up -d` that recreates one, and `scale`" + ` end when the containers are started: stackctl gets ` + "`--no-wait`" + ` there, since Compose does not wait.
- Each contender goes through the rows from top to bottom, on one project of its own.
- The embedded stack's replicas: from no replica until each has answered its healthcheck and nginx has read its new configuration.
- The rollout: ` + "`stackctl verify rollout --rate 500`" + ` on three replicas. Load, stack and stackctl share two cores: the floor is the same load while three containers are made, started, stopped and removed beside the stack, one after the other, and nothing of the stack is touched. docs/adr/0023 says where the latency comes from.
- The client that repeats nothing is ` + "`--no-retry`" + `: 24 connections that are kept and used in turn. nginx from 1.27.4 on closes connections with an answer by itself (` + "`keepalive_min_timeout`" + `); it is measured where ` + "`-nginx`" + ` names a folder that has it.
`

// What is changed: ten services of one container, of which three depend on each other in a chain, or one service alone.
const (
	manyServices = 10
	manyReplicas = 10
)

// The rows about changes, in the order in which each contender goes through them in a run.
const (
	rowTenUp       = "up of ten"
	rowTenPs       = "ps of ten"
	rowTenConfig   = "config of ten"
	rowTenRecreate = "recreate one of ten"
	rowTenScale    = "scale 1 -> 10"
	rowTenDown     = "down of ten"
	rowReplicas    = "web 0 -> %d"
	rowRollout     = "rollout: failed requests"
	rowRolloutP99  = "rollout: p99 during it / before it"
	rowRolloutOnce = "rollout: failed requests of a client that repeats none"
	rowRolloutNew  = "rollout: failed requests of that client, nginx with keepalive_min_timeout"
)

const requests, factor unit = "requests", "×"

// replicaCounts are where the cost of replicas is measured.
var replicaCounts = []int{1, 10, 50}

func changeRows() []*row {
	compose := bar{factor: 1, against: isCompose, whom: "the fastest Compose"}
	floor := bar{factor: 1.3, against: isFloor, whom: floorName}
	rows := []*row{
		newRow(rowTenUp, "`up -d` of 10 services, three of them in a chain", milliseconds, compose),
		newRow(rowTenPs, "`ps`", milliseconds, compose),
		newRow(rowTenConfig, "`config`", milliseconds, compose),
		newRow(rowTenRecreate, "`up -d` that recreates one of 10", milliseconds, compose),
		newRow(rowTenScale, "`scale` of one from 1 to 10", milliseconds, compose, floor),
		newRow(rowTenDown, "`down` of the 19 containers", milliseconds, compose, floor),
	}
	for _, n := range replicaCounts {
		rows = append(rows, newRow(fmt.Sprintf(rowReplicas, n), fmt.Sprintf("embedded stack: `scale web=%d` from none, until nginx leads to all", n), milliseconds))
	}
	return append(rows,
		newRow(rowRollout, "rollout of 3 replicas under 500 requests/s: failed", requests, bar{limit: 0}),
		newRow(rowRolloutP99, "its p99 during the rollout, of that before", factor, bar{limit: 2}),
		newRow(rowRolloutOnce, "the same rollout and a client that repeats nothing: failed", requests, bar{limit: 0}),
		newRow(rowRolloutNew, "rollout behind an nginx from 1.27.4 on, a client that repeats nothing: failed", requests, bar{limit: 0}),
	)
}

// changing measures what changes to a stack cost.
type changing struct {
	*bench
	ours  *ours
	image string // of the ten services
	web   string // of the embedded stack
}

// measureChanges makes the section about changes.
func (b *bench) measureChanges(ctx context.Context, binary string) (*report, error) {
	table := &bench{options: b.options, engine: b.engine, dir: b.dir, progress: b.progress, rows: changeRows()}
	defer table.purgeAll(ctx)
	c := &changing{bench: table}
	facts := machineFacts(ctx, b.engine)
	// The embedded stack is not a contender of its own: the same stackctl changes it.
	own, err := table.add(stackctlName, projectPrefix+"change", "")
	if err != nil {
		return nil, err
	}
	c.ours = &ours{contender: own, program: program{
		command: []string{binary, "--project-name", own.project + "-stack", "--progress", "plain"}, dir: b.dir,
		env: append(b.environment(), fmt.Sprintf("STACKCTL_PORT=%d", own.port)),
	}}
	defer func() { _ = b.purge(context.WithoutCancel(ctx), own.project+"-stack") }()
	refs, err := c.ours.images(ctx)
	if err != nil {
		return nil, err
	}
	c.image, c.web = refs["redis"], refs["web"]
	if err := c.addAll(ctx, binary); err != nil {
		return nil, err
	}
	for i := range table.runs {
		for _, contender := range table.contenders {
			if err := table.measureOne(ctx, contender, i); err != nil {
				return nil, err
			}
		}
	}
	return &report{bench: table, facts: facts, commit: commit(ctx)}, nil
}

func (c *changing) addAll(ctx context.Context, binary string) error {
	file, err := c.write("ten.yaml", 1)
	if err != nil {
		return err
	}
	changed, err := c.write("changed.yaml", 2)
	if err != nil {
		return err
	}
	own := c.contenders[0]
	c.addTool(own, program{command: []string{binary, "-p", own.project}, dir: c.dir, env: c.environment()}, file, changed, true)
	c.addEmbedded(own)
	c.addRollout(own)
	if err := c.addNewerNginx(own, binary); err != nil {
		return err
	}
	floor, err := c.add(floorName, projectPrefix+"change-floor", "**The floor** is the Engine API called from within the benchmark: the containers are made, started, stopped and removed side by side.")
	if err != nil {
		return err
	}
	if floor != nil { // -only leaves it out
		c.addFloor(floor)
		c.addRolloutFloor(floor)
	}
	tools, missing := findComposes(ctx, c.environment())
	c.skipped = append(c.skipped, missing...)
	for i, tool := range tools {
		contender, err := c.add(tool.name, fmt.Sprintf("%schange-compose%d", projectPrefix, i), "")
		if contender == nil {
			return err
		}
		c.addTool(contender, program{command: append(slices.Clone(tool.command), "-p", contender.project), dir: c.dir, env: c.environment()}, file, changed, tool.waits)
	}
	return nil
}

// write makes the file of ten services; the seventh has a variable that differs.
func (c *changing) write(name string, value int) (string, error) {
	services := map[string]any{}
	for i := 1; i <= manyServices; i++ {
		service := map[string]any{"image": c.image, "entrypoint": []string{"redis-server"}, "command": []string{"--save", ""}, "stop_grace_period": "10s"}
		if i == 2 || i == 3 {
			service["depends_on"] = []string{fmt.Sprintf("s%d", i-1)}
		}
		if i == 7 {
			service["environment"] = map[string]string{"VALUE": fmt.Sprint(value)}
		}
		services[fmt.Sprintf("s%d", i)] = service
	}
	data, err := json.Marshal(map[string]any{"version": "3", "services": services})
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.dir, name)
	return path, os.WriteFile(path, data, 0o600)
}

// addTool fills the rows of a tool that speaks Compose's language. Compose 1 has no useful `scale` beside `up --scale`.
func (c *changing) addTool(contender *contender, p program, file, changed string, scales bool) {
	with := func(file string, args ...string) measure {
		return timed(p.timing(append([]string{"-f", file}, args...)...))
	}
	up, scale := []string{"up", "-d"}, []string{"scale"}
	if contender == c.contenders[0] {
		up, scale = append(up, "--no-wait"), append(scale, "--no-wait") // Compose does not wait either
	}
	c.set(contender, rowTenUp, with(file, up...))
	c.set(contender, rowTenPs, with(file, "ps"))
	c.set(contender, rowTenConfig, with(file, "config"))
	c.set(contender, rowTenRecreate, with(changed, up...))
	if scales {
		c.set(contender, rowTenScale, with(changed, append(scale, fmt.Sprintf("s5=%d", manyReplicas))...))
	} else {
		c.set(contender, rowTenScale, with(changed, "up", "-d", "--scale", fmt.Sprintf("s5=%d", manyReplicas), "s5"))
	}
	c.set(contender, rowTenDown, with(changed, "down"))
}

// addEmbedded fills the rows about replicas behind nginx.
func (c *changing) addEmbedded(own *contender) {
	for i, n := range replicaCounts {
		c.set(own, fmt.Sprintf(rowReplicas, n), timed(func(ctx context.Context) (time.Duration, error) {
			before := []string{"scale", "web=0"}
			if i == 0 {
				before = []string{"up", "--scale", "web=0", "--no-wait"}
			}
			if _, err := c.ours.output(ctx, before...); err != nil {
				return 0, err
			}
			return c.ours.timing("scale", fmt.Sprintf("web=%d", n))(ctx)
		}))
	}
}

// addFloor fills the rows of the Engine API itself.
func (c *changing) addFloor(f *contender) {
	var names []string
	network := f.project + "_default"
	make := func(ctx context.Context, from, to int) error {
		group, ctx := errgroup.WithContext(ctx)
		for i := from; i < to; i++ {
			name := fmt.Sprintf("%s-%d", f.project, i)
			names = append(names, name)
			group.Go(func() error {
				return c.runOne(ctx, f.project, network, name, container.Config{Image: c.image, Entrypoint: []string{"redis-server"}, Cmd: []string{"--save", ""}})
			})
		}
		return group.Wait()
	}
	c.set(f, rowTenScale, timed(func(ctx context.Context) (time.Duration, error) {
		names = nil
		if err := c.makeNetwork(ctx, f.project, network); err != nil {
			return 0, err
		}
		if err := make(ctx, 0, manyServices); err != nil {
			return 0, err
		}
		begin := time.Now()
		err := make(ctx, manyServices, manyServices+manyReplicas-1)
		return time.Since(begin), err
	}))
	c.set(f, rowTenDown, timed(func(ctx context.Context) (time.Duration, error) {
		begin := time.Now()
		group, limited := errgroup.WithContext(ctx)
		for _, name := range names {
			group.Go(func() error {
				err := c.engine.ContainerStop(limited, name, container.StopOptions{})
				return errors.Join(err, c.engine.ContainerRemove(limited, name, container.RemoveOptions{}))
			})
		}
		err := group.Wait()
		if err == nil {
			err = c.engine.NetworkRemove(ctx, network)
		}
		return time.Since(begin), err
	}))
}

func (c *changing) makeNetwork(ctx context.Context, project, name string) error {
	_, err := c.engine.NetworkCreate(ctx, name, network.CreateOptions{Labels: map[string]string{orchestrate.LabelProject: project}})
	return err
}

func (c *changing) runOne(ctx context.Context, project, networkName, name string, config container.Config) error {
	config.Labels = map[string]string{orchestrate.LabelProject: project, orchestrate.LabelService: strings.TrimPrefix(name, project+"-")}
	host := &container.HostConfig{NetworkMode: container.NetworkMode(networkName)}
	if _, err := c.engine.ContainerCreate(ctx, &config, host, &network.NetworkingConfig{}, nil, name); err != nil {
		return err
	}
	return c.engine.ContainerStart(ctx, name, container.StartOptions{})
}
