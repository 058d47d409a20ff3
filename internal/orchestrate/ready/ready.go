// Package ready waits until what was started works: a stack, a replica, or a service that another one depends on.
package ready

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/poll"
	"stackctl.dev/stackctl/internal/orchestrate/report"
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
	// Limit bounds the wait; 0 is a minute, and more where the settings of a healthcheck allow more.
	Limit time.Duration
	// Healthy waits, besides for the probe, until the engine itself calls every container healthy.
	Healthy bool
	// Sink is told of containers that take their time.
	Sink report.Sink
	// Relied are services that have to go on running; nil are those that do at the first look.
	Relied []string
}

// looker is what AwaitReady needs of an engine.
type looker interface {
	observe.Reader
	runner
}

// maxRestarts is how often a container may be restarted while it is waited for: the engine doubles its pauses, so that
// five restarts give a container some three seconds to find what it misses.
const maxRestarts = 5

// Await waits until the stack works: until the probe that goes through every tier has answered, or, for a stack
// without one, until every container runs and is healthy or has done its work. It gives up early on a container that
// has stopped for good.
func Await(ctx context.Context, r looker, s *stack.Stack, w Waiting) error {
	limited, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	limit := &patience{began: time.Now(), timer: time.AfterFunc(cmp.Or(w.Limit, time.Minute), func() { giveUp(context.DeadlineExceeded) }), given: w.Limit > 0}
	defer limit.timer.Stop()
	last, seen := &lastAnswer{}, newSight(r, s, w, limit)
	waits := []func() error{func() error { return seen.watch(limited) }}
	if s.Extension.Ready != nil {
		waits = append(waits, func() error { return probe(limited, s, w.Dial, last) })
	}
	results := make(chan error, len(waits))
	var all sync.WaitGroup
	for _, wait := range waits {
		all.Go(func() { results <- wait() })
	}
	enough := len(waits)
	if !w.Healthy {
		enough = 1 // the answer, or a container that makes waiting pointless
	}
	var err error
	for range enough {
		if err = <-results; err != nil {
			break
		}
	}
	if err != nil && errors.Is(context.Cause(limited), context.DeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	giveUp(nil)
	all.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return deadlineReason(err, time.Since(limit.began), seen.missing, last.text)
}

// patience is a limit that grows with what becomes known about the containers, unless it was given.
type patience struct {
	began time.Time
	timer *time.Timer
	own   time.Duration // the longest so far
	given bool
}

// extend lets the wait last until d after its beginning at least.
func (p *patience) extend(d time.Duration) {
	if !p.given && d > max(p.own, time.Minute) && p.timer.Stop() {
		p.own = d
		p.timer.Reset(time.Until(p.began.Add(d)))
	}
}

type lastAnswer struct{ text string }

// deadlineReason puts the end of the wait into words.
func deadlineReason(err error, took time.Duration, missing []string, last string) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	reason := fmt.Sprintf("application not healthy after %s", took.Round(100*time.Millisecond))
	if len(missing) > 0 {
		reason += "; not yet up: " + strings.Join(missing, ", ")
	}
	if last != "" {
		reason += "; the last probe said: " + last
	}
	return &NotReadyError{Reason: reason}
}

// probeInterval is short, since the answer of a stack that works takes about a millisecond.
const probeInterval = 5 * time.Millisecond

// probe asks for the path that goes through every tier until it answers 200, and then at the stack's URL too.
func probe(ctx context.Context, s *stack.Stack, dial Dialer, last *lastAnswer) error {
	targets := []stack.URL{{Service: s.Extension.Ready.Service, Port: s.Extension.Ready.Port, Scheme: "http"}}
	if u := s.Extension.URL; u != nil {
		targets = append(targets, *u)
	}
	for _, target := range targets {
		if err := probeOne(ctx, s, target, dial, last); err != nil {
			return err
		}
	}
	return nil
}

func probeOne(ctx context.Context, s *stack.Stack, target stack.URL, dial Dialer, last *lastAnswer) error {
	url, transport, err := probeTarget(s, target, dial)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second, CheckRedirect: stack.SameTarget}
	defer transport.CloseIdleConnections()
	return poll.Until(ctx, probeInterval, func(ctx context.Context) (bool, error) {
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
func probeTarget(s *stack.Stack, at stack.URL, dial Dialer) (url string, transport *http.Transport, err error) {
	// Whether it answers is asked, not who it is: its certificate is for names that this machine need not know it by.
	transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	address, ok := Published(s, at.Service, at.Port)
	switch {
	case dial != nil:
		address = net.JoinHostPort(at.Service, strconv.Itoa(int(at.Port)))
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, address) }
	case !ok: // the service's name means nothing to this machine, or something else
		return "", nil, fmt.Errorf("finding where service %q answers: its port %d is not published; publish it with a fixed host port, or leave x-stackctl.ready out", at.Service, at.Port)
	}
	target, err := stack.ProbeURL(address, s.Extension.Ready.Path)
	if err != nil {
		return "", nil, err
	}
	target.Scheme = at.Scheme
	return target.String(), transport, nil
}

// Published returns the host:port under which a service's port is published.
func Published(s *stack.Stack, service string, port uint32) (string, bool) {
	for _, p := range s.Project.Services[service].Ports {
		if p.Target == port && p.Published != "" && p.Published != "0" {
			return observe.HostPort(p.HostIP, p.Published), true
		}
	}
	return "", false
}
