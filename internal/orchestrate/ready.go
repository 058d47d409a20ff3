package orchestrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/stack"
)

// Dialer opens a connection to a container's port as seen inside the project, for engines whose published ports are
// not reachable from here.
type Dialer func(ctx context.Context, address string) (net.Conn, error)

// NotReadyError says that the stack did not become ready; Container names the culprit where one is known.
type NotReadyError struct {
	Container string // its name; "" when no single one is to blame
	Reason    string
}

func (e *NotReadyError) Error() string { return "waiting until the stack is ready: " + e.Reason }

// Waiting says how AwaitReady looks at a stack.
type Waiting struct {
	// Dial reaches the probed port from inside the project; nil where it is published to this machine.
	Dial Dialer
	// Settle is how long a container without a healthcheck has to run to count as up: programs that find their
	// configuration wrong end within it.
	Settle time.Duration
	// Exec runs a healthcheck now instead of waiting for the engine to: its interval is seconds. nil leaves it to the engine.
	Exec func(ctx context.Context, id string, command []string) (exitCode int, err error)
}

// maxRestarts is how often a container may be restarted while it is waited for: the engine doubles its pauses, so that
// five restarts give a container some three seconds to find what it misses.
const maxRestarts = 5

// AwaitReady waits until the stack works: until the probe that goes through every tier has answered, or, for a stack
// without one, until every container runs and is healthy or has done its work. It gives up early on a container that
// has stopped for good.
func AwaitReady(ctx context.Context, r Reader, s *stack.Stack, w Waiting) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched, probed := make(chan error, 1), make(chan error, 1)
	var both sync.WaitGroup
	both.Go(func() { watched <- watch(ctx, r, s, w) })
	last := &lastAnswer{}
	if s.Extension.Ready != nil {
		both.Go(func() { probed <- probe(ctx, s, w.Dial, last) })
	}
	began := time.Now()
	var err error
	select { // whichever comes first: the answer, or a container that makes waiting pointless
	case err = <-probed:
	case err = <-watched:
	}
	cancel()
	both.Wait()
	return deadlineReason(err, time.Since(began), last.text)
}

type lastAnswer struct{ text string }

// deadlineReason puts the end of the wait into words.
func deadlineReason(err error, took time.Duration, last string) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	reason := fmt.Sprintf("application not healthy after %s", took.Round(100*time.Millisecond))
	if last != "" {
		reason += "; the last probe said: " + last
	}
	return &NotReadyError{Reason: reason}
}

// probeInterval is short, since the answer of a stack that works takes about a millisecond.
const probeInterval = 5 * time.Millisecond

// probe asks for the path that goes through every tier until it answers 200.
func probe(ctx context.Context, s *stack.Stack, dial Dialer, last *lastAnswer) error {
	url, transport := probeTarget(s, dial)
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	defer transport.CloseIdleConnections()
	return poll(ctx, probeInterval, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		request.Header.Set("User-Agent", "stackctl")
		response, err := client.Do(request)
		if err != nil {
			if ctx.Err() == nil {
				last.text = err.Error()
			}
			return false, nil
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(response.Body, 256))
		last.text = response.Status + " " + strings.TrimSpace(string(body))
		return response.StatusCode == http.StatusOK, nil
	})
}

// probeTarget is the published port where it can be reached, else the port inside the project.
func probeTarget(s *stack.Stack, dial Dialer) (url string, transport *http.Transport) {
	ready := s.Extension.Ready
	transport = &http.Transport{}
	if address, ok := Published(s, ready.Service, ready.Port); ok && dial == nil {
		return "http://" + address + ready.Path, transport
	}
	inside := net.JoinHostPort(ready.Service, strconv.Itoa(int(ready.Port)))
	if dial != nil {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, inside) }
	}
	return "http://" + inside + ready.Path, transport
}

// Published returns the host:port under which a service's port is published.
func Published(s *stack.Stack, service string, port uint32) (string, bool) {
	for _, p := range s.Project.Services[service].Ports {
		if p.Target == port && p.Published != "" && p.Published != "0" {
			return hostPort(p.HostIP, p.Published), true
		}
	}
	return "", false
}

// watch looks at the project's containers until one has stopped for good or ctx ends; without a probe to wait for, also
// until all are up.
func watch(ctx context.Context, r Reader, s *stack.Stack, w Waiting) error {
	probed := s.Extension.Ready != nil
	var upSince time.Time
	return poll(ctx, 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		containers, err := Containers(ctx, r, s.Project.Name)
		if err != nil {
			return false, err
		}
		up := map[string]int{}
		for _, c := range containers {
			if _, wanted := s.Project.Services[c.Service]; !wanted || c.OneOff {
				continue
			}
			ok, err := settled(ctx, r, c, probed)
			if err == nil && !ok && c.Health == "starting" {
				ok = w.healthy(ctx, r, c)
			}
			if err != nil {
				return false, err
			}
			if ok {
				up[c.Service]++
			}
		}
		for name, svc := range s.Project.Services {
			if up[name] < stack.Replicas(svc) {
				upSince = time.Time{}
				return false, nil
			}
		}
		if upSince.IsZero() {
			upSince = time.Now()
		}
		return !probed && time.Since(upSince) >= w.Settle, nil
	})
}

// settled reports whether a container is as it should be. It is an error if it never will be.
func settled(ctx context.Context, r Reader, c Container, probed bool) (bool, error) {
	switch {
	case c.State == "running" && (c.Health == "" || c.Health == "healthy" || probed):
		return true, nil
	case c.State == "running" && c.Health == "unhealthy":
		return false, &NotReadyError{Container: c.Name, Reason: fmt.Sprintf("container %s is unhealthy", c.Name)}
	case c.State != "exited" && c.State != "restarting" && c.State != "dead":
		return false, nil
	}
	info, err := r.ContainerInspect(ctx, c.ID)
	if err != nil {
		return false, err
	}
	return ended(c, info)
}

// ended reports whether a container that does not run has done its work. It is an error if it will not run again.
func ended(c Container, info container.InspectResponse) (bool, error) {
	policy := info.HostConfig.RestartPolicy
	once := policy.IsNone() || (policy.IsOnFailure() && info.State.ExitCode == 0)
	switch {
	case c.State == "exited" && once && info.State.ExitCode == 0:
		return true, nil
	case c.State != "restarting" && (once || policy.IsOnFailure() && info.RestartCount >= policy.MaximumRetryCount):
		return false, &NotReadyError{Container: c.Name, Reason: fmt.Sprintf("container %s exited (%s)", c.Name, exitText(info.State))}
	case info.RestartCount >= maxRestarts:
		return false, &NotReadyError{Container: c.Name, Reason: fmt.Sprintf("container %s exited (%s) and was restarted %d times", c.Name, exitText(info.State), info.RestartCount)}
	}
	return false, nil
}

// healthcheckCommand is what the engine would run; nil without a healthcheck.
func healthcheckCommand(info container.InspectResponse) []string {
	if info.Config == nil || info.Config.Healthcheck == nil || len(info.Config.Healthcheck.Test) < 2 {
		return nil
	}
	test := info.Config.Healthcheck.Test
	if test[0] == "CMD-SHELL" {
		return []string{"/bin/sh", "-c", test[1]}
	}
	return test[1:]
}

// healthy runs the container's own healthcheck.
func (w Waiting) healthy(ctx context.Context, r Reader, c Container) bool {
	if w.Exec == nil {
		return false
	}
	info, err := r.ContainerInspect(ctx, c.ID)
	if err != nil {
		return false
	}
	command := healthcheckCommand(info)
	if command == nil {
		return false
	}
	code := -1
	err = Within(ctx, func(ctx context.Context) (err error) {
		code, err = w.Exec(ctx, c.ID, command)
		return err
	})
	return err == nil && code == 0
}

func exitText(state *container.State) string {
	if state.OOMKilled {
		return fmt.Sprintf("%d, out of memory", state.ExitCode)
	}
	return strconv.Itoa(state.ExitCode)
}
