package apply

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/poll"
	"stackctl.dev/stackctl/internal/orchestrate/ready"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// headStart is how long those that stand in front may take to stop before the others are stopped too: time for requests
// under way to end. nginx needs a few milliseconds.
const headStart = time.Second

func drainContainer(ctx context.Context, w Engine, a steps.DrainContainer) error {
	limited, cancel := context.WithTimeout(ctx, headStart)
	defer cancel()
	_ = poll.Until(limited, 5*time.Millisecond, func(ctx context.Context) (bool, error) {
		info, err := w.ContainerInspect(ctx, a.ID)
		return err != nil || !info.State.Running, err
	})
	return ctx.Err()
}

func stopContainer(ctx context.Context, w Engine, a steps.StopContainer) error {
	grace := a.Grace
	if grace == nil { // named all the same, so that an engine that hangs is told from a container that takes its time
		info, err := w.ContainerInspect(ctx, a.ID)
		if err != nil {
			return observe.IgnoreGone(err)
		}
		own := observe.GraceOf(info)
		grace = &own
	}
	seconds := int((*grace + time.Second - 1) / time.Second)
	begin := time.Now()
	if err := observe.IgnoreGone(w.ContainerStop(ctx, a.ID, container.StopOptions{Timeout: &seconds})); err != nil {
		return err
	}
	// The engine says that a container has stopped before it frees its addresses and ports; it answers this afterwards.
	info, err := w.ContainerInspect(ctx, a.ID)
	if err == nil && *grace > 0 && time.Since(begin) >= *grace && info.State.ExitCode == killedCode {
		return errKilled
	}
	return observe.IgnoreGone(err)
}

// killedCode is the exit code of a program that SIGKILL ended.
const killedCode = 137

const errKilled warning = "it did not end within its grace period and had to be killed; if it ignores SIGTERM, give its service `init: true` or another `stop_signal`"

func awaitStopped(ctx context.Context, w Engine, a steps.AwaitStopped, tell func(string)) error {
	wait := ready.NewWaited(tell)
	return poll.Until(ctx, poll.Interval, func(ctx context.Context) (bool, error) {
		info, err := w.ContainerInspect(ctx, a.ID)
		if err != nil || info.State.Status != container.StateRunning {
			return true, err
		}
		return !time.Now().Before(a.Until), wait.GoOn("has stopped", 0)
	})
}
