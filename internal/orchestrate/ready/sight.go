package ready

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/poll"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// sight is how the containers of a stack are seen while they come up.
type sight struct {
	r       looker
	stack   *stack.Stack
	how     Waiting
	limit   *patience
	starts  map[string]*starting // by container ID
	missing []string             // what is not up yet, in words
	taken   lasting
	done    map[string]bool // by container ID: those that have done their work
}

// starting is a container whose healthcheck has no verdict yet.
type starting struct {
	info   container.InspectResponse
	check  prober
	passed bool // its own check, run by stackctl: that counts, and is not run again
	own    time.Duration
	waited *Waited
	told   *report.Event // the last that was said of it; nil when it is over, or was quick
}

func newSight(r looker, s *stack.Stack, how Waiting, limit *patience) *sight {
	return &sight{r: r, stack: s, how: how, limit: limit, starts: map[string]*starting{}, done: map[string]bool{}}
}

// watch looks at the project's containers until one has stopped for good or ctx ends, and, unless the answer of the probe
// is all that is wanted, until all are up.
func (s *sight) watch(ctx context.Context) error {
	answerIsAll := s.stack.Extension.Ready != nil && !s.how.Healthy
	var upSince time.Time
	return poll.Until(ctx, 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		up, err := s.count(ctx, answerIsAll)
		if gone, err := s.taken.check(err); gone || err != nil {
			return false, err
		}
		s.missing = nil
		for name, svc := range s.stack.Project.Services {
			if n := stack.Replicas(svc); up[name] < n {
				s.missing = append(s.missing, fmt.Sprintf("service %q (%d of %d)", name, up[name], n))
			}
		}
		slices.Sort(s.missing)
		if len(s.missing) > 0 {
			upSince = time.Time{}
			return false, nil
		}
		if upSince.IsZero() {
			upSince = time.Now()
		}
		return !answerIsAll && time.Since(upSince) >= s.how.Settle, nil
	})
}

// count tells how many containers of each service are up. It is a TakenAwayError where one that is needed is gone.
func (s *sight) count(ctx context.Context, answerIsAll bool) (up map[string]int, err error) {
	observed, err := observe.Labelled(ctx, s.r, s.stack.Project.Name, label.Project)
	if err != nil {
		return nil, err
	}
	if s.how.Relied == nil {
		s.how.Relied = observed.Standing(s.stack)
	}
	if err := cmp.Or(observed.StillStand(s.how.Relied), observed.Complete(s.stack)); err != nil {
		return nil, err
	}
	up = map[string]int{}
	for _, c := range observed.Containers {
		if _, wanted := s.stack.Project.Services[c.Service]; !wanted || c.OneOff {
			continue
		}
		ok, err := s.done[c.ID] && c.State == "exited", error(nil)
		if !ok {
			ok, err = settled(ctx, s.r, c, answerIsAll)
			s.done[c.ID] = ok && c.State == "exited"
		}
		if err == nil && !ok && c.Health == "starting" {
			ok, err = s.passes(ctx, c)
		}
		if err != nil {
			return nil, err
		}
		if ok {
			s.tell(s.starts[c.ID], report.Done)
			up[c.Service]++
		}
	}
	return up, nil
}

// passes gives a container that starts the time that its settings allow. It reports whether its healthcheck succeeds, where
// that may be tried and is enough.
func (s *sight) passes(ctx context.Context, c observe.Container) (bool, error) {
	known := s.starts[c.ID]
	if known == nil {
		info, err := s.r.ContainerInspect(ctx, c.ID)
		if err != nil {
			return false, err
		}
		known = &starting{info: info}
		known.own = healthcheckLimit(info)
		known.waited = NewWaited(func(detail string) {
			known.told = &report.Event{Verb: steps.AwaitReady{}.Verb(), Object: c.Name, Service: c.Service, Detail: detail}
			s.tell(known, report.Progress)
		})
		s.limit.extend(time.Since(s.limit.began) + known.own)
		s.starts[c.ID] = known
	}
	if !s.how.Healthy && !known.passed {
		known.passed = known.check.passes(ctx, s.r, known.info)
	}
	if known.passed {
		return true, nil
	}
	return false, known.waited.GoOn("is healthy", cmp.Or(s.how.Limit, known.own))
}

// tell reports on a container of which something was said.
func (s *sight) tell(known *starting, kind report.Kind) {
	if known == nil || known.told == nil {
		return
	}
	event := *known.told
	event.Kind, event.Elapsed = kind, time.Since(known.waited.began)
	s.how.Sink.Send(event)
	if kind == report.Done {
		known.told = nil
	}
}

// settled reports whether a container is as it should be, or, where that is enough, alive. It is an error if it never will be.
func settled(ctx context.Context, r observe.Reader, c observe.Container, alive bool) (bool, error) {
	switch {
	case c.State == "running" && (c.Health == "" || c.Health == "healthy" || alive):
		return true, nil
	case c.State == "running" && c.Health == "unhealthy":
		return false, &NotReadyError{Container: c.Name, Reason: fmt.Sprintf("container %s is unhealthy", c.Name)}
	case c.State == "created" || c.State == "running" || c.State == "paused":
		return false, nil
	}
	info, err := r.ContainerInspect(ctx, c.ID)
	if errdefs.IsNotFound(err) {
		return false, observe.TakenAway("container %q", c.Name)
	}
	if err != nil {
		return false, err
	}
	return ended(ctx, r, c.Name, info)
}

// ended reports whether a container that does not run has done its work. It is an error if it will not run again.
func ended(ctx context.Context, r observe.Reader, name string, info container.InspectResponse) (bool, error) {
	state := info.State
	restarting, again := state.Status == container.StateRestarting, restarts(info)
	switch {
	case restarting && info.RestartCount < maxRestarts, state.Running && !restarting:
		return false, nil
	case state.Status == container.StateRemoving, !again && !restarting && observe.StoppedOnRequest(ctx, r, info):
		return false, observe.TakenAway("container %q", name)
	case state.Status == container.StateExited && !again && state.ExitCode == 0:
		return true, nil
	case info.RestartCount >= maxRestarts && (again || restarting):
		return false, &NotReadyError{Container: name, Reason: fmt.Sprintf("container %s exited (%s) and was restarted %d times", name, exitText(state), info.RestartCount)}
	case again: // the engine would have restarted it, had nobody stopped it
		return false, observe.TakenAway("container %q", name)
	}
	return false, &NotReadyError{Container: name, Reason: fmt.Sprintf("container %s exited (%s)", name, exitText(state))}
}

func exitText(state *container.State) string {
	if state.OOMKilled {
		return fmt.Sprintf("%d, out of memory", state.ExitCode)
	}
	return strconv.Itoa(state.ExitCode)
}
