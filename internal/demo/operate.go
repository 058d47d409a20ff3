package demo

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
)

// killed is the exit code of what SIGKILL has ended.
const killed = 137

// Up starts what does not run, and makes what there is not.
func (s *Stack) Up(ctx context.Context, sink orchestrate.Sink) (string, error) {
	begin := time.Now()
	err := s.change(ctx, func() error {
		s.ensure(Redis, 1)
		if len(s.of(Web)) == 0 {
			for number := range s.replicas {
				s.ensure(Web, number+1)
			}
		}
		s.ensure(Nginx, 1)
		s.route()
		for _, service := range []string{Redis, Web, Nginx} {
			for _, u := range s.of(service) {
				if err := s.start(u, sink, watch.EventStart); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return "ready in " + time.Since(begin).Round(time.Millisecond).String(), err
}

// Down stops and removes all containers. What Redis holds stays until Close.
func (s *Stack) Down(ctx context.Context, sink orchestrate.Sink) (string, error) {
	begin := time.Now()
	err := s.change(ctx, func() error {
		for _, service := range []string{Nginx, Web, Redis} {
			for _, u := range s.of(service) {
				s.stop(u, sink, watch.EventStop)
				s.remove(u, sink)
			}
		}
		return nil
	})
	return "removed in " + time.Since(begin).Round(time.Millisecond).String(), err
}

// Scale changes the number of the web tier's replicas, without losing a request.
func (s *Stack) Scale(ctx context.Context, service string, n int, sink orchestrate.Sink) (string, error) {
	if service != Web {
		return "", fmt.Errorf("scaling %q: only %q can have several replicas", service, Web)
	}
	if n < 0 || n > MaxReplicas {
		return "", fmt.Errorf("scaling %q to %d: use 0 to %d", service, n, MaxReplicas)
	}
	begin := time.Now()
	err := s.change(ctx, func() error {
		have := s.of(Web)
		for number := len(have) + 1; number <= n; number++ {
			if err := s.start(s.ensure(Web, number), sink, watch.EventStart); err != nil {
				return err
			}
		}
		s.routeTo(s.of(Web)[:n])
		if len(have) != n {
			s.reloaded()
		}
		for _, u := range have[min(n, len(have)):] {
			s.stop(u, sink, watch.EventStop)
			s.remove(u, sink)
		}
		return nil
	})
	return "ready in " + time.Since(begin).Round(time.Millisecond).String(), err
}

// Restart stops and starts one container.
func (s *Stack) Restart(ctx context.Context, id string, sink orchestrate.Sink) error {
	return s.one(ctx, id, func(u *unit) error {
		s.stop(u, sink, "")
		return s.start(u, sink, watch.EventRestart)
	})
}

// Stop stops one container. A replica is taken out of the proxy's hands first.
func (s *Stack) Stop(ctx context.Context, id string, sink orchestrate.Sink) error {
	return s.one(ctx, id, func(u *unit) error {
		s.stop(u, sink, watch.EventStop)
		return nil
	})
}

// Start starts one container.
func (s *Stack) Start(ctx context.Context, id string, sink orchestrate.Sink) error {
	return s.one(ctx, id, func(u *unit) error { return s.start(u, sink, watch.EventStart) })
}

// Kill ends one container as SIGKILL would, but for the requests that it has: they are still answered. It stays dead until Start or Up.
func (s *Stack) Kill(id string) error {
	return s.one(context.Background(), id, func(u *unit) error {
		if u.State == "running" {
			u.out.mute(true)
		}
		s.stop(u, nil, watch.EventDie)
		return nil
	})
}

// Shell says that there is none.
func (s *Stack) Shell(_ context.Context, c watch.Container) (*exec.Cmd, error) {
	return nil, fmt.Errorf("opening a shell in %q: it is a part of this process, and no container", c.Name)
}

func (s *Stack) one(ctx context.Context, id string, do func(*unit) error) error {
	return s.change(ctx, func() error {
		u, err := s.find(id)
		if err != nil {
			return err
		}
		return do(u)
	})
}

// change does one change at a time, and none while the engine is away.
func (s *Stack) change(ctx context.Context, do func() error) error {
	select {
	case s.busy <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.life.Done():
		return errors.New("changing the demonstration: it has ended")
	}
	defer func() { <-s.busy }()
	s.mu.Lock()
	lost := s.lost
	s.mu.Unlock()
	if lost != nil {
		return lost
	}
	return do()
}

// start starts a unit that does not run, and tells it as kind.
func (s *Stack) start(u *unit, sink orchestrate.Sink, kind watch.EventKind) error {
	if u.State == "running" {
		return nil
	}
	return report(sink, "start container", u, func() error {
		u.out.mute(false)
		if err := u.tier.start(s.life); err != nil {
			return err
		}
		s.update(func() {
			u.State, u.Health, u.StartedAt, u.ExitCode, u.Ports = "running", "healthy", s.clock(), 0, s.ports(u.Service)
		}, event(u, kind, map[watch.EventKind]string{watch.EventStart: "started", watch.EventRestart: "restarted"}[kind]))
		return nil
	})
}

// stop stops a unit that runs, and tells it as kind; "" tells nothing.
func (s *Stack) stop(u *unit, sink orchestrate.Sink, kind watch.EventKind) {
	if u.State != "running" {
		return
	}
	_ = report(sink, "stop container", u, func() error { // never fails
		u.tier.stop()
		code, words := 0, "stopped"
		if kind == watch.EventDie {
			code, words = killed, fmt.Sprintf("died with exit code %d", killed)
		}
		s.update(func() {
			u.State, u.Health, u.FinishedAt, u.ExitCode, u.Ports, u.Usage = "exited", "", s.clock(), code, nil, nil
		}, event(u, kind, words))
		return nil
	})
}

func (s *Stack) remove(u *unit, sink orchestrate.Sink) {
	_ = report(sink, "remove container", u, func() error { // never fails
		s.update(func() { s.drop(u) }, event(u, watch.EventRemove, "removed"))
		return nil
	})
}

// reloaded tells that the proxy has another list of replicas.
func (s *Stack) reloaded() {
	for _, u := range s.of(Nginx) {
		if u.State == "running" {
			s.update(func() {}, event(u, watch.EventReload, "reloaded"))
		}
	}
}

func (s *Stack) route() { s.routeTo(s.of(Web)) }

func (s *Stack) routeTo(units []*unit) {
	var replicas []*webTier
	for _, u := range units {
		if w, ok := u.tier.(*webTier); ok {
			replicas = append(replicas, w)
		}
	}
	s.proxy.route(replicas)
}

// report tells a sink of a piece of work.
func report(sink orchestrate.Sink, verb string, u *unit, work func() error) error {
	if sink == nil {
		return work()
	}
	e := orchestrate.Event{Kind: orchestrate.EventStarted, Verb: verb, Object: u.Name, Service: u.Service}
	sink(e)
	begin := time.Now()
	e.Err = work()
	e.Kind, e.Elapsed = orchestrate.EventDone, time.Since(begin)
	if e.Err != nil {
		e.Kind = orchestrate.EventFailed
	}
	sink(e)
	return e.Err
}
