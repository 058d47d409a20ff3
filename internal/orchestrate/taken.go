package orchestrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/stack"
)

// TakenAwayError says that what a command needs was stopped or removed while it ran.
type TakenAwayError struct {
	What string // such as `service "web"`
}

func (e *TakenAwayError) Error() string {
	return e.What + " was stopped or removed meanwhile; see `stackctl ps`, and try again"
}

func takenAway(format string, args ...any) error {
	return &TakenAwayError{What: fmt.Sprintf(format, args...)}
}

func isTakenAway(err error) bool {
	taken := (*TakenAwayError)(nil)
	return errors.As(err, &taken)
}

// isRace reports whether a plan failed because something else changed the engine meanwhile, so that another look helps:
// a subnet that another project took, a name that just appeared, an object that is gone, or stopped, or got company.
func isRace(err error) bool {
	if in := (*NotReadyError)(nil); errors.As(err, &in) || errors.As(err, new(tooLong)) {
		return false // they have words of programs in them
	}
	text := err.Error()
	return errdefs.IsNotFound(err) || isTakenAway(err) || stuckTask.MatchString(text) ||
		slices.ContainsFunc(raceWords, func(words string) bool { return strings.Contains(text, words) }) && !errors.Is(err, ErrMiscounted)
}

// raceWords are what engines say of a change under our hands.
var raceWords = []string{
	"Pool overlaps", "is already in use by container", "network with name", "is not paused", "is marked for removal", "active endpoint",
	"Address already in use", // of the addresses of a network; of ports it is "address already in use"
	"before attempting removal", "before removing",
	"failed to remove root filesystem", // another command wrote a file into the container meanwhile; what is dead can be removed again
}

// beginAgain is how long Up and Down let the engine come to rest before another look.
const beginAgain = 500 * time.Millisecond

// rest waits after an attempt.
func rest(ctx context.Context, attempt int) {
	select {
	case <-time.After(time.Duration(attempt) * beginAgain):
	case <-ctx.Done():
	}
}

// standing lists the services that a change of some of them relies on: these and those in front, as far as they run.
func (o *Observed) standing(s *stack.Stack) (services []string) {
	for _, c := range o.Containers {
		svc, ours := s.Project.Services[c.Service]
		if !c.OneOff && c.Running() && (ours && stack.Replicas(svc) > 0 || c.Labels[LabelFront] != "") {
			services = append(services, c.Service)
		}
	}
	slices.Sort(services)
	return slices.Compact(services)
}

// stillStand fails where one of the services has no containers any more, or one in front has none that runs.
func (o *Observed) stillStand(services []string) error {
	for _, name := range services {
		runs := slices.ContainsFunc(o.of(name), func(c Container) bool { return c.Running() || c.Labels[LabelFront] == "" })
		if !runs {
			return takenAway("service %q", name)
		}
	}
	return nil
}

// complete fails where a service has fewer containers than it should.
func (o *Observed) complete(s *stack.Stack) error {
	for _, name := range s.Project.ServiceNames() {
		if n := stack.Replicas(s.Project.Services[name]); o.Replicas(name) < n {
			return takenAway("service %q (%d of %d containers)", name, n-o.Replicas(name), n)
		}
	}
	return nil
}

// lasting tells what lasts from what passes: a container that somebody restarts is stopped for a moment too.
type lasting struct{ since time.Time }

// takenAfter is how long a container that is needed may be away before it counts as taken away.
const takenAfter = time.Second

// check passes errors on, but for a TakenAwayError before it has lasted; then gone is true meanwhile.
func (l *lasting) check(err error) (gone bool, _ error) {
	switch {
	case !isTakenAway(err):
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
