package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/tui"
)

// operator carries out what is asked for in the dashboard, as the commands of the same names do.
type operator struct {
	a    *app
	live *live
}

var _ tui.Operator = (*operator)(nil)

// sinkRenderer gives a command's events to the dashboard.
type sinkRenderer orchestrate.Sink

func (s sinkRenderer) event(e orchestrate.Event) {
	if s != nil {
		s(e)
	}
}

func (s sinkRenderer) close() {}

func (o *operator) Up(ctx context.Context, sink orchestrate.Sink) (string, error) {
	return o.converge(ctx, sink, func(*stack.Stack) error { return nil })
}

func (o *operator) Scale(ctx context.Context, service string, replicas int, sink orchestrate.Sink) (string, error) {
	return o.converge(ctx, sink, func(s *stack.Stack) error { return s.Scale(service, replicas) })
}

// converge is `up` on the stack as the Compose file describes it, changed by edit. What runs keeps its port and the replicas that it has:
// neither is in the file where it was a flag or a scale before.
func (o *operator) converge(ctx context.Context, sink orchestrate.Sink, edit func(*stack.Stack) error) (string, error) {
	begin := time.Now()
	eng, err := o.live.engine(ctx)
	if err != nil {
		return "", err
	}
	observed, err := orchestrate.Observe(ctx, eng, o.live.project)
	if err != nil {
		return "", err
	}
	if err := o.sameFiles(observed); err != nil {
		return "", err
	}
	s, err := o.a.load(ctx, runningPort(observed))
	if err != nil {
		return "", err
	}
	keepReplicas(s, observed)
	if err := edit(s); err != nil {
		return "", err
	}
	up := &upOptions{waitTimeout: time.Minute, pull: "missing", source: "auto", binaryDigest: imageOptions().BinaryDigest}
	plan, err := converge(ctx, eng, s, up, sinkRenderer(sink))
	if err == nil {
		err = awaitReady(ctx, eng, s, up.waitTimeout, plan)
	}
	if err != nil {
		return "", o.withCards(ctx, s, err)
	}
	if plan.Empty() {
		return "nothing changed: " + containers(plan.Kept) + " as described", nil
	}
	return "ready in " + round(time.Since(begin)).String(), nil
}

// withCards adds the likely causes to an error: in the dashboard there is no room for whole cards.
func (o *operator) withCards(ctx context.Context, s *stack.Stack, err error) error {
	eng, engErr := o.live.engine(ctx)
	if engErr != nil || ctx.Err() != nil {
		return err
	}
	for _, card := range orchestrate.Cards(ctx, eng, s.Project.Name) {
		err = errors.Join(err, fmt.Errorf("container %q: %s; %s", card.Container, card.Cause, card.Next))
	}
	return err
}

// sameFiles refuses to apply another Compose file than the one that the project was made from.
func (o *operator) sameFiles(observed *orchestrate.Observed) error {
	own := len(o.a.composeFiles()) > 0
	for _, c := range observed.Containers {
		if files := c.Labels[orchestrate.LabelConfigFiles]; files != "" && !own && !c.OneOff {
			return fmt.Errorf("changing project %q: it was made from %s; open the dashboard with `stackctl -f %[2]s dash`", observed.Project, files)
		}
	}
	return nil
}

// runningPort keeps the embedded stack on the port that it is published on.
func runningPort(observed *orchestrate.Observed) map[string]string {
	if os.Getenv("STACKCTL_PORT") != "" {
		return nil
	}
	for _, c := range observed.Containers {
		for _, p := range c.Ports {
			if c.Labels[orchestrate.LabelReady] != "" && p.PublicPort != 0 {
				return map[string]string{"STACKCTL_PORT": strconv.Itoa(int(p.PublicPort))}
			}
		}
	}
	return nil
}

// keepReplicas lets every service that runs have as many replicas as it has.
func keepReplicas(s *stack.Stack, observed *orchestrate.Observed) {
	have := map[string]int{}
	for _, c := range observed.Containers {
		if !c.OneOff {
			have[c.Service]++
		}
	}
	for service, n := range have {
		_ = s.Scale(service, n) // a service that the file does not have is an orphan, and stays as it is
	}
}

func (o *operator) Down(ctx context.Context, sink orchestrate.Sink) (string, error) {
	begin := time.Now()
	eng, err := o.live.engine(ctx)
	if err != nil {
		return "", err
	}
	plan, err := o.a.takeDown(ctx, eng, o.live.project, &downOptions{}, false, sinkRenderer(sink))
	if err != nil {
		return "", err
	}
	if plan.Empty() {
		return "nothing to remove", nil
	}
	return "removed in " + round(time.Since(begin)).String(), nil
}

func (o *operator) Restart(ctx context.Context, id string, sink orchestrate.Sink) error {
	return o.one(ctx, id, orchestrate.OperationRestart, sink)
}

func (o *operator) Stop(ctx context.Context, id string, sink orchestrate.Sink) error {
	return o.one(ctx, id, orchestrate.OperationStop, sink)
}

func (o *operator) Start(ctx context.Context, id string, sink orchestrate.Sink) error {
	return o.one(ctx, id, orchestrate.OperationStart, sink)
}

// one plans and applies an operation on one container, under the project's lock.
func (o *operator) one(ctx context.Context, id string, operation orchestrate.Operation, sink orchestrate.Sink) error {
	eng, err := o.live.engine(ctx)
	if err != nil {
		return err
	}
	unlock, err := lockProject(ctx, eng, o.live.project, sinkRenderer(sink))
	if err != nil {
		return err
	}
	defer unlock()
	observed, err := orchestrate.Observe(ctx, eng, o.live.project)
	if err != nil {
		return err
	}
	plan, err := orchestrate.PlanOperation(observed, id, operation)
	if err != nil {
		return err
	}
	return orchestrate.Apply(ctx, eng, plan, sink)
}

// shells are tried in this order; images made from the host's programs have none of them.
var shells = []string{"/bin/sh", "/bin/bash", "/bin/ash", "/busybox/sh"}

// Shell runs `stackctl exec` on the terminal: it has all that a shell needs.
func (o *operator) Shell(ctx context.Context, c watch.Container) (*exec.Cmd, error) {
	limited, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if c.State != "running" {
		return nil, fmt.Errorf("%s-%d does not run: start it with a", c.Service, c.Number)
	}
	eng, err := o.live.engine(limited)
	if err != nil {
		return nil, err
	}
	for _, shell := range shells {
		if _, err := eng.ContainerStatPath(limited, c.ID, shell); err == nil {
			return o.self(ctx, "exec", "--index", strconv.Itoa(c.Number), c.Service, shell)
		}
	}
	return nil, fmt.Errorf("%s-%d has no shell: its image holds only its program; `stackctl exec` runs that", c.Service, c.Number)
}

// self is this program again, on the same engine and project.
func (o *operator) self(ctx context.Context, args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	global := []string{"--project-name", o.live.project}
	if o.a.target.Context != "" {
		global = append(global, "--context", o.a.target.Context)
	}
	if o.a.target.Host != "" {
		global = append(global, "--host", o.a.target.Host)
	}
	return exec.CommandContext(ctx, path, append(global, args...)...), nil
}
