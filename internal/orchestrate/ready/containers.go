package ready

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/poll"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// wanted is what one container is waited for.
type wanted struct {
	what  string                                        // such as "is ready"
	limit func(container.InspectResponse) time.Duration // bounds the wait; 0 is none
	// is reports whether it is so; an error says that it never will be.
	is func(ctx context.Context, info container.InspectResponse) (bool, error)
}

// await looks at a container until it is as wanted. late is the error of a wait that lasted too long.
func await(ctx context.Context, r looker, ref string, w wanted, tell func(string), late func(limit time.Duration) error) error {
	var taken lasting
	wait := NewWaited(tell)
	err := poll.Until(ctx, poll.Interval, func(ctx context.Context) (bool, error) {
		info, err := r.ContainerInspect(ctx, ref)
		if err != nil {
			return false, err
		}
		done, err := w.is(ctx, info)
		if gone, err := taken.check(err); gone || err != nil || done {
			return done, err
		}
		return false, wait.GoOn(w.what, w.limit(info))
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return late(wait.limit)
	}
	return err
}

// Dependency waits until a container is as depends_on wants it.
func Dependency(ctx context.Context, r looker, a steps.AwaitDependency, tell func(string)) error {
	var check prober
	w := wanted{
		what:  "has done its work",
		limit: func(container.InspectResponse) time.Duration { return a.Limit },
		is: func(ctx context.Context, info container.InspectResponse) (bool, error) {
			return fulfilled(ctx, r, a, info)
		},
	}
	if a.Condition == types.ServiceConditionHealthy {
		w.what = "is healthy"
		w.limit = func(info container.InspectResponse) time.Duration { return cmp.Or(a.Limit, healthcheckLimit(info)) }
		w.is = func(ctx context.Context, info container.InspectResponse) (bool, error) {
			done, err := fulfilled(ctx, r, a, info)
			return done || err == nil && info.State.Status == container.StateRunning && check.passes(ctx, r, info), err
		}
	}
	err := await(ctx, r, a.Name, w, tell, func(limit time.Duration) error {
		return TooLong(fmt.Sprintf("it was not %s within %s%s", a.Condition, limit, check.said))
	})
	if a.Optional && !errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func fulfilled(ctx context.Context, r observe.Reader, a steps.AwaitDependency, info container.InspectResponse) (bool, error) {
	state := info.State
	exited := state.Status == container.StateExited || state.Status == container.StateDead
	if exited && (restarts(info) || observe.StoppedOnRequest(ctx, r, info)) { // the engine would have restarted it, had nobody stopped it
		return false, observe.TakenAway("container %q", a.Name)
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

// settleTime is how long a container without a healthcheck has to run to count as ready: programs that find their
// configuration wrong end within it.
const settleTime = 500 * time.Millisecond

// Replica waits until a new replica can take requests.
func Replica(ctx context.Context, r looker, a steps.AwaitReady, tell func(string)) error {
	var since time.Time // it has been running
	var check prober
	w := wanted{
		what: "is ready",
		limit: func(info container.InspectResponse) time.Duration {
			return cmp.Or(a.Limit, healthcheckLimit(info), time.Minute)
		},
		is: func(ctx context.Context, info container.InspectResponse) (bool, error) {
			if info.State.Status != container.StateRunning {
				since = time.Time{}
			} else if since.IsZero() {
				since = time.Now()
			}
			return isReady(ctx, r, a, info, since, &check)
		},
	}
	return await(ctx, r, cmp.Or(a.ID, a.Name), w, tell, func(limit time.Duration) error {
		return TooLong(fmt.Sprintf("it was not ready within %s%s", limit, check.said))
	})
}

func isReady(ctx context.Context, r looker, a steps.AwaitReady, info container.InspectResponse, since time.Time, check *prober) (bool, error) {
	state := info.State
	if state.Status != container.StateRunning {
		if state.Status == container.StateCreated {
			return false, nil
		}
		done, err := ended(ctx, r, a.Name, info)
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
	return state.Health != nil && state.Health.Status == container.Healthy || check.passes(ctx, r, info), nil
}
