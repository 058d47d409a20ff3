package orchestrate

import (
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

// waitContainer waits until a dependency is as depends_on wants it.
type waitContainer struct {
	Name      string
	Condition string
	Optional  bool // a failure does not stop what depends on it
	Limit     time.Duration
}

func (a waitContainer) Verb() string         { return "await container" }
func (a waitContainer) Object() string       { return a.Name }
func (a waitContainer) limit() time.Duration { return a.Limit }

func (a waitContainer) apply(ctx context.Context, w Writer) error {
	err := poll(ctx, pollInterval, func(ctx context.Context) (bool, error) {
		info, err := w.ContainerInspect(ctx, a.Name)
		if err != nil {
			return false, err
		}
		return a.fulfilled(info.State, info.HostConfig.RestartPolicy.Name)
	})
	if a.Optional && !errors.Is(err, context.Canceled) {
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("it was not %s within %s", a.Condition, a.Limit)
	}
	return err
}

func (a waitContainer) fulfilled(state *container.State, restart container.RestartPolicyMode) (bool, error) {
	exited := state.Status == "exited" || state.Status == "dead"
	if a.Condition == types.ServiceConditionCompletedSuccessfully {
		if exited && state.ExitCode != 0 {
			return false, fmt.Errorf("dependency failed to start: container %s exited (%d)", a.Name, state.ExitCode)
		}
		return exited, nil
	}
	if exited && (restart == "" || restart == container.RestartPolicyDisabled) {
		return false, fmt.Errorf("dependency failed to start: container %s exited (%d)", a.Name, state.ExitCode)
	}
	switch {
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
