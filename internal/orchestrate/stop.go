package orchestrate

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/container"
)

// stopContainer asks the container to stop and kills it when its grace period is over.
type stopContainer struct {
	Name, ID string
	Grace    *time.Duration // nil is the container's own
	Was      string         // its state until then; "" is running
}

// longestGrace bounds the wait for a container whose own grace period is not known here.
const longestGrace = 10 * time.Minute

func (a stopContainer) Verb() string   { return "stop container" }
func (a stopContainer) Object() string { return a.Name }
func (a stopContainer) limit() time.Duration {
	if a.Grace == nil {
		return longestGrace
	}
	return *a.Grace + CallLimit
}

// ownGrace is how long a container of which nothing is said has to stop.
const ownGrace = 10 * time.Second

// graceOf is how long a container has to stop.
func graceOf(info container.InspectResponse) time.Duration {
	if info.Config.StopTimeout == nil {
		return ownGrace
	}
	return min(time.Duration(*info.Config.StopTimeout)*time.Second, longestGrace)
}

func (a stopContainer) apply(ctx context.Context, w Writer) error {
	grace := a.Grace
	if grace == nil { // named all the same, so that an engine that hangs is told from a container that takes its time
		info, err := inspect(ctx, w, a.ID)
		if err != nil {
			return ignoreGone(err)
		}
		own := graceOf(info)
		grace = &own
	}
	seconds := int((*grace + time.Second - 1) / time.Second)
	limited, cancel := context.WithTimeout(ctx, *grace+CallLimit)
	defer cancel()
	begin := time.Now()
	if err := ignoreGone(w.ContainerStop(limited, a.ID, container.StopOptions{Timeout: &seconds})); err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			err = NoAnswer(*grace + CallLimit)
		}
		return err
	}
	// The engine says that a container has stopped before it frees its addresses and ports; it answers this afterwards.
	info, err := inspect(ctx, w, a.ID)
	if err == nil && *grace > 0 && time.Since(begin) >= *grace && info.State.ExitCode == killedCode {
		return errKilled
	}
	return ignoreGone(err)
}

// killedCode is the exit code of a program that SIGKILL ended.
const killedCode = 137

const errKilled warning = "it did not end within its grace period and had to be killed; if it ignores SIGTERM, give its service `init: true` or another `stop_signal`"

// undo makes it run again if it ran.
func (a stopContainer) undo() []Action {
	switch again := (startContainer{Name: a.Name, ID: a.ID}); a.Was {
	case "created":
		return nil
	case "paused":
		return []Action{again, pauseContainer{Name: a.Name, ID: a.ID}}
	default:
		return []Action{again, readyContainer{Name: a.Name, ID: a.ID}}
	}
}
