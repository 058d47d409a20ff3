package orchestrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
)

// pollInterval is how often a state is asked for: an inspect costs the engine well below a millisecond.
const pollInterval = 20 * time.Millisecond

// poll calls f until it is done, fails, or ctx ends.
func poll(ctx context.Context, interval time.Duration, f func(context.Context) (done bool, err error)) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		done, err := f(ctx)
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// telling is an action that takes its time, and says what it waits for and how long it may.
type telling interface {
	applyTelling(ctx context.Context, w Writer, tell func(detail string)) error
}

// A wait says what it waits for when it takes longer than firstWord, and then every nextWord.
const (
	firstWord = 2 * time.Second
	nextWord  = 30 * time.Second
)

// waited bounds a wait by what becomes known about a container while it is waited for, and tells of it.
type waited struct {
	began, next time.Time
	limit       time.Duration // the last one
	tell        func(detail string)
}

func newWaited(tell func(string)) *waited {
	now := time.Now()
	return &waited{began: now, next: now.Add(firstWord), tell: tell}
}

// goOn fails with context.DeadlineExceeded when the wait has taken longer than limit; 0 is none.
func (w *waited) goOn(until string, limit time.Duration) error {
	w.limit = limit
	now := time.Now()
	if limit > 0 && now.Sub(w.began) >= limit {
		return context.DeadlineExceeded
	}
	if now.Before(w.next) {
		return nil
	}
	w.next = now.Add(nextWord)
	atMost := "without a limit"
	if limit > 0 {
		atMost = fmt.Sprintf("at most %s", limit.Round(time.Second))
	}
	w.tell(fmt.Sprintf("until it %s, %s", until, atMost))
	return nil
}

// tooLong is the error of a wait for a container that was in vain.
type tooLong string

func (e tooLong) Error() string { return string(e) }

// waitContainer waits until a dependency is as depends_on wants it.
type waitContainer struct {
	Name      string
	Condition string
	Optional  bool // a failure does not stop what depends on it
	// Limit bounds the wait; with 0, a healthcheck has as long as its own settings allow, and a job as long as it takes.
	Limit time.Duration
}

func (a waitContainer) Verb() string         { return "await container" }
func (a waitContainer) Object() string       { return a.Name }
func (a waitContainer) limit() time.Duration { return a.Limit }

func (a waitContainer) apply(ctx context.Context, w Writer) error {
	return a.applyTelling(ctx, w, func(string) {})
}

func (a waitContainer) applyTelling(ctx context.Context, w Writer, tell func(string)) error {
	var check prober
	var taken lasting
	wait := newWaited(tell)
	err := poll(ctx, pollInterval, func(ctx context.Context) (bool, error) {
		info, err := inspect(ctx, w, a.Name)
		if err != nil {
			return false, err
		}
		done, err := a.fulfilled(ctx, w, info)
		if gone, err := taken.check(err); gone || err != nil || done {
			return done, err
		}
		if a.Condition != types.ServiceConditionHealthy {
			return false, wait.goOn("has done its work", a.Limit)
		}
		if info.State.Status == container.StateRunning && check.passes(ctx, w, info) {
			return true, nil
		}
		own, _ := healthcheckLimit(info)
		return false, wait.goOn("is healthy", cmp.Or(a.Limit, own))
	})
	if a.Optional && !errors.Is(err, context.Canceled) {
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return tooLong(fmt.Sprintf("it was not %s within %s%s", a.Condition, wait.limit, check.said))
	}
	return err
}

func (a waitContainer) fulfilled(ctx context.Context, r Reader, info container.InspectResponse) (bool, error) {
	state := info.State
	exited := state.Status == container.StateExited || state.Status == container.StateDead
	if exited && (restarts(info) || stoppedOnRequest(ctx, r, info)) { // the engine would have restarted it, had nobody stopped it
		return false, takenAway("container %q", a.Name)
	}
	if a.Condition == types.ServiceConditionCompletedSuccessfully {
		if exited && state.ExitCode != 0 {
			return false, fmt.Errorf("dependency failed to start: container %s exited (%d)", a.Name, state.ExitCode)
		}
		return exited, nil
	}
	switch {
	case exited:
		return false, fmt.Errorf("dependency failed to start: container %s exited (%d)", a.Name, state.ExitCode)
	case state.Health == nil:
		return false, fmt.Errorf("container %s has no healthcheck; give it one, or use condition: service_started", a.Name)
	case state.Health.Status == container.Unhealthy:
		return false, fmt.Errorf("dependency failed to start: container %s is unhealthy", a.Name)
	}
	return state.Health.Status == container.Healthy, nil
}

// Done reports whether a stopped container has done its work: it ended with 0 and nothing is to restart it.
func Done(svc types.ServiceConfig, c Container) bool {
	return c.State == "exited" && exitCode(c.Status) == 0 && (svc.Restart == "" || svc.Restart == "no" || svc.Restart == "on-failure")
}

// exitCode finds the code in a status such as "Exited (137) 3 seconds ago"; -1 when there is none.
func exitCode(status string) int {
	code := -1
	if _, err := fmt.Sscanf(status, "Exited (%d)", &code); err != nil {
		return -1
	}
	return code
}

// settleTime is how long a container without a healthcheck has to run to count as ready: programs that find their
// configuration wrong end within it.
const settleTime = 500 * time.Millisecond

// readyContainer waits until a new replica can take requests: until it is healthy, or, without a healthcheck, until it has run
// for settleTime.
type readyContainer struct {
	Name, ID string // ID is "" for one that the plan creates
	// Limit bounds the wait; with 0 it is what the settings of the healthcheck allow, and a minute without one.
	Limit time.Duration
}

func (a readyContainer) Verb() string         { return "await container" }
func (a readyContainer) Object() string       { return a.Name }
func (a readyContainer) limit() time.Duration { return a.Limit }

func (a readyContainer) apply(ctx context.Context, w Writer) error {
	return a.applyTelling(ctx, w, func(string) {})
}

func (a readyContainer) applyTelling(ctx context.Context, w Writer, tell func(string)) error {
	var since time.Time // it has been running
	var check prober
	var taken lasting
	wait := newWaited(tell)
	err := poll(ctx, pollInterval, func(ctx context.Context) (bool, error) {
		info, err := inspect(ctx, w, cmp.Or(a.ID, a.Name))
		if err != nil {
			return false, err
		}
		if info.State.Status != container.StateRunning {
			since = time.Time{}
		} else if since.IsZero() {
			since = time.Now()
		}
		done, err := a.ready(ctx, w, info, since, &check)
		if gone, err := taken.check(err); gone || err != nil || done {
			return done, err
		}
		own, _ := healthcheckLimit(info)
		return false, wait.goOn("is ready", cmp.Or(a.Limit, own, time.Minute))
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return tooLong(fmt.Sprintf("it was not ready within %s%s", wait.limit, check.said))
	}
	return err
}

func (a readyContainer) ready(ctx context.Context, w Writer, info container.InspectResponse, since time.Time, check *prober) (bool, error) {
	state := info.State
	if state.Status != container.StateRunning {
		if state.Status == container.StateCreated {
			return false, nil
		}
		done, err := ended(ctx, w, a.Name, info)
		if never := (*NotReadyError)(nil); errors.As(err, &never) {
			err = errors.New(never.Reason) // it is one replica, not the stack
		}
		return done, err
	}
	if healthcheckCommand(info) == nil {
		return time.Since(since) >= settleTime, nil
	}
	if state.Health != nil && state.Health.Status == container.Unhealthy {
		return false, fmt.Errorf("container %s is unhealthy", a.Name)
	}
	return state.Health != nil && state.Health.Status == container.Healthy || check.passes(ctx, w, info), nil
}

// inspect describes a container, within CallLimit: a step that waits for long notices an engine that hangs.
func inspect(ctx context.Context, r Reader, id string) (info container.InspectResponse, err error) {
	err = Within(ctx, func(ctx context.Context) error {
		info, err = r.ContainerInspect(ctx, id)
		return err
	})
	return info, err
}
