package ready

import (
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// lasting tells what lasts from what passes: a container that somebody restarts is stopped for a moment too.
type lasting struct{ since time.Time }

// takenAfter is how long a container that is needed may be away before it counts as taken away.
const takenAfter = time.Second

// check passes errors on, but for a TakenAwayError before it has lasted; then gone is true meanwhile.
func (l *lasting) check(err error) (gone bool, _ error) {
	switch {
	case !observe.IsTakenAway(err):
		l.since = time.Time{}
		return false, err
	case l.since.IsZero():
		l.since = time.Now()
	}
	if time.Since(l.since) < takenAfter {
		return true, nil
	}
	return true, err
}

// restarts reports whether the engine runs a container again that has ended by itself.
func restarts(info container.InspectResponse) bool {
	policy := info.HostConfig.RestartPolicy
	return policy.IsAlways() || policy.IsUnlessStopped() ||
		policy.IsOnFailure() && info.State.ExitCode != 0 && (policy.MaximumRetryCount == 0 || info.RestartCount < policy.MaximumRetryCount)
}
