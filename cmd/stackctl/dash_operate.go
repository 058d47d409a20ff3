package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-connections/nat"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
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

// Up brings the stack to what its Compose file describes. Replicas that were added to it stay.
func (o *operator) Up(ctx context.Context, sink orchestrate.Sink) (string, error) {
	begin := time.Now()
	eng, err := o.live.engine(ctx)
	if err != nil {
		return "", err
	}
	unlock, err := lockProject(ctx, eng, o.live.project, sinkRenderer(sink))
	if err != nil {
		return "", err
	}
	defer unlock()
	s, err := o.desired(ctx, eng)
	if err != nil {
		return "", err
	}
	up := &upOptions{pull: "missing", source: "auto", binaryDigest: imageOptions().BinaryDigest}
	plan, err := carryOut(ctx, eng, s, up, up.waiting(eng, s), sinkRenderer(sink))
	o.a.remember(ctx, eng, s.Project.Name, "up", begin, plan, err)
	return o.report(ctx, s, plan, begin, err)
}

// Scale changes the number of replicas of one service, and nothing else.
func (o *operator) Scale(ctx context.Context, service string, replicas int, sink orchestrate.Sink) (string, error) {
	begin := time.Now()
	eng, err := o.live.engine(ctx)
	if err != nil {
		return "", err
	}
	options := &scaleOptions{
		upOptions: upOptions{pull: "missing", source: "auto", binaryDigest: imageOptions().BinaryDigest},
		replicas:  map[string]int{service: replicas},
	}
	s, plan, err := o.a.scale(ctx, eng, options, sinkRenderer(sink))
	return o.report(ctx, s, plan, begin, err)
}

func (o *operator) report(ctx context.Context, s *stack.Stack, plan *orchestrate.Plan, begin time.Time, err error) (string, error) {
	switch {
	case err != nil && s != nil:
		return "", o.withCards(ctx, s, err)
	case err != nil:
		return "", err
	case plan.Empty():
		return "nothing changed: " + containers(plan.Kept) + " as described", nil
	}
	return "ready in " + round(time.Since(begin)).String(), nil
}

// desired is what the project shall be: as its file says, on the port on which it was published where that was a flag, and with
// at least as many replicas as it has.
func (o *operator) desired(ctx context.Context, eng *engine.Engine) (*stack.Stack, error) {
	observed, err := orchestrate.Observe(ctx, eng, o.live.project)
	if err != nil {
		return nil, err
	}
	port, err := boundPort(ctx, eng, observed)
	if err != nil {
		return nil, err
	}
	s, err := o.a.load(ctx, port)
	if err != nil {
		return nil, err
	}
	if err := sameFiles(observed, s); err != nil {
		return nil, err
	}
	for name, svc := range s.Project.Services {
		if n := observed.Replicas(name); n > stack.Replicas(svc) {
			_ = s.Scale(name, n) // it has them, so that it can
		}
	}
	return s, nil
}

// withCards adds the likely causes to an error: in the dashboard there is no room for whole cards.
func (o *operator) withCards(ctx context.Context, s *stack.Stack, err error) error {
	eng, engErr := o.live.engine(ctx)
	if engErr != nil || ctx.Err() != nil {
		return err
	}
	cards := orchestrate.Cards(ctx, eng, s.Project.Name)
	if undone := (*orchestrate.UndoneError)(nil); errors.As(err, &undone) {
		cards = undone.Cards
	}
	for _, card := range cards {
		err = errors.Join(err, fmt.Errorf("container %q: %s; %s", card.Container, card.Cause, card.Next))
	}
	return err
}

// sameFiles refuses to apply other Compose files than those that a container of the project was made from.
func sameFiles(observed *orchestrate.Observed, s *stack.Stack) error {
	own := strings.Join(s.Project.ComposeFiles, ",")
	var refusal error
	for _, c := range observed.Containers {
		files := c.Labels[orchestrate.LabelConfigFiles]
		switch {
		case c.OneOff:
		case files == own:
			return nil
		case files == "":
			refusal = fmt.Errorf("changing project %q: it was made from the embedded stack, not from %s; leave --file and COMPOSE_FILE out", observed.Project, own)
		default:
			refusal = fmt.Errorf("changing project %q: it was made from %s; name it with --file %s", observed.Project, files, strings.ReplaceAll(files, ",", " --file "))
		}
	}
	return refusal
}

// boundPort keeps the embedded stack on the port that it was published on, whether it runs or not.
func boundPort(ctx context.Context, eng *engine.Engine, observed *orchestrate.Observed) (map[string]string, error) {
	if os.Getenv("STACKCTL_PORT") != "" {
		return nil, nil
	}
	for _, c := range observed.Containers {
		port, _, ok := strings.Cut(c.Labels[orchestrate.LabelReady], "/")
		if !ok || c.OneOff {
			continue
		}
		info, err := eng.ContainerInspect(ctx, c.ID)
		if err != nil {
			return nil, fmt.Errorf("inspecting container %q: %w", c.Name, err)
		}
		for _, binding := range info.HostConfig.PortBindings[nat.Port(port+"/tcp")] {
			if binding.HostPort != "" {
				return map[string]string{"STACKCTL_PORT": binding.HostPort}, nil
			}
		}
	}
	return nil, nil
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
	observed, err := orchestrate.ObserveStops(ctx, eng, o.live.project)
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
