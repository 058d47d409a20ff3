package watch

import (
	"crypto/sha256"
	"encoding/hex"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// Condition is a project in one word.
type Condition string

// The conditions, from worst to best.
const (
	Unreachable Condition = "unreachable" // the engine does not answer
	Down        Condition = "down"        // nothing runs
	Degraded    Condition = "degraded"    // some do not run, restart or are unhealthy
	Starting    Condition = "starting"    // nothing is wrong, but something is not ready yet
	Up          Condition = "up"
)

// Overall sums the project up.
func (s State) Overall() Condition {
	if s.Err != nil {
		return Unreachable
	}
	running, bad, starting := 0, 0, 0
	for _, c := range s.Containers {
		if c.Running() || c.State == "paused" {
			running++
		}
		switch {
		case c.Health == "unhealthy", c.State == "restarting", c.State == "paused", c.State == "dead":
			bad++
		case c.State == "created" && c.failed:
			bad++
		case c.State == "created", c.Health == "starting":
			starting++
		case c.State == "exited" && !c.doneWell():
			bad++
		}
	}
	switch {
	case running == 0 && starting > 0 && bad == 0:
		return Starting
	case running == 0:
		return Down
	case bad > 0:
		return Degraded
	case starting > 0:
		return Starting
	}
	return Up
}

// doneWell reports whether the container did its work and ended, as one without a policy to restart it does.
func (c Container) doneWell() bool { return c.ExitCode == 0 && !c.FinishedAt.IsZero() && c.oneTime }

// URL is where the project answers, from its own label and published port; "" without.
func (s State) URL() string {
	url, ok := observe.URLOf(func(yield func(observe.Container) bool) {
		for _, c := range s.Containers {
			if !yield(c.Container) {
				return
			}
		}
	})
	if !ok {
		return ""
	}
	return url + "/"
}

// Replicas counts the containers of a service.
func (s State) Replicas(service string) (running, total int) {
	for _, c := range s.Containers {
		if c.Service != service {
			continue
		}
		total++
		if c.State == "running" {
			running++
		}
	}
	return running, total
}

// revisionOf is seven digits, short enough to compare by eye.
func revisionOf(hash, imageID string) string {
	sum := sha256.Sum256([]byte(hash + "\n" + imageID))
	return hex.EncodeToString(sum[:])[:7]
}
