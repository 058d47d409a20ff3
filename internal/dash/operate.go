package dash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/tui"
)

// Verbs carry out what is asked for in the dashboard, as the commands of the same names do.
type Verbs struct {
	// On is the project, whose events go to the sink. A question has nobody to answer it: the dashboard has asked its own before.
	On func(ctx context.Context, sink report.Sink) (*project.Project, error)
	// Lasting is a project that a later command can bring back.
	Lasting bool
}

// operator is for a project on an engine.
type operator struct {
	Verbs
	live *Live
}

var _ tui.Operator = operator{}

// Operator changes the stack.
func (l *Live) Operator() tui.Operator {
	on := func(ctx context.Context, sink report.Sink) (*project.Project, error) {
		eng, err := l.engine(ctx)
		if err != nil {
			return nil, err
		}
		p := l.On(eng)
		p.Sink, p.Agree = sink, nil
		return p, nil
	}
	return operator{Verbs{on, true}, l}
}

func (v Verbs) Up(ctx context.Context, sink report.Sink) (string, error) {
	p, err := v.On(ctx, sink)
	if err != nil {
		return "", err
	}
	s, err := project.Choose(ctx, p.Files, project.UpOptions{})
	if err != nil {
		return "", err
	}
	result, err := p.Up(ctx, s, project.UpOptions{})
	return ready(ctx, p, result, err)
}

func (v Verbs) Scale(ctx context.Context, service string, replicas int, sink report.Sink) (string, error) {
	p, err := v.On(ctx, sink)
	if err != nil {
		return "", err
	}
	result, err := p.Scale(ctx, project.UpOptions{Replicas: map[string]int{service: replicas}})
	return ready(ctx, p, result, err)
}

// ready says what came of it. A failure comes with its likely causes: in the dashboard there is no room for whole cards.
func ready(ctx context.Context, p *project.Project, result project.Result, err error) (string, error) {
	switch {
	case err != nil && ctx.Err() == nil:
		for _, card := range p.Cards(ctx, err) {
			err = errors.Join(err, fmt.Errorf("container %q: %s; %s", card.Container, card.Cause, card.Next))
		}
		return "", err
	case err != nil:
		return "", err
	}
	return progress.Outcome("ready", result), nil
}

func (v Verbs) Down(ctx context.Context, sink report.Sink) (string, error) {
	p, err := v.On(ctx, sink)
	if err != nil {
		return "", err
	}
	result, back, err := p.Down(ctx, project.DownOptions{})
	switch {
	case err != nil:
		return "", err
	case !result.Changed:
		return "nothing to remove", nil
	case back != "" && v.Lasting:
		back = "; to have it back as it was: " + back
	default:
		back = ""
	}
	return "removed in " + progress.Round(result.Took).String() + back, nil
}

func (v Verbs) Restart(ctx context.Context, id string, sink report.Sink) error {
	return v.act(ctx, project.Restart, id, sink)
}

func (v Verbs) Stop(ctx context.Context, id string, sink report.Sink) error {
	return v.act(ctx, project.Stop, id, sink)
}

func (v Verbs) Start(ctx context.Context, id string, sink report.Sink) error {
	return v.act(ctx, project.Start, id, sink)
}

func (v Verbs) act(ctx context.Context, act project.Act, id string, sink report.Sink) error {
	p, err := v.On(ctx, sink)
	if err == nil {
		_, err = p.Act(ctx, act, project.ActOptions{Container: id})
	}
	return err
}

// shells are tried in this order; images made from the host's programs have none of them.
var shells = []string{"/bin/sh", "/bin/bash", "/bin/ash", "/busybox/sh"}

// Shell runs `stackctl exec` on the terminal: it has all that a shell needs.
func (o operator) Shell(ctx context.Context, c watch.Container) (*exec.Cmd, error) {
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
func (o operator) self(ctx context.Context, args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	global := []string{"--project-name", o.live.Project}
	if o.live.Target.Context != "" {
		global = append(global, "--context", o.live.Target.Context)
	}
	if o.live.Target.Host != "" {
		global = append(global, "--host", o.live.Target.Host)
	}
	return exec.CommandContext(ctx, path, append(global, args...)...), nil
}
