package observe

import (
	"errors"
	"fmt"
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/stack"
)

// TakenAwayError says that what a command needs was stopped or removed while it ran.
type TakenAwayError struct {
	What string // such as `service "web"`
}

func (e *TakenAwayError) Error() string {
	return e.What + " was stopped or removed in the meantime; see `stackctl ps`, and try again"
}

// TakenAway is the error for what the words name.
func TakenAway(format string, args ...any) error {
	return &TakenAwayError{What: fmt.Sprintf(format, args...)}
}

// IsTakenAway reports whether an error is, or wraps, a TakenAwayError.
func IsTakenAway(err error) bool {
	taken := (*TakenAwayError)(nil)
	return errors.As(err, &taken)
}

// Standing lists the services that a change of some of them relies on: these and those in front, as far as they run.
func (o *Observed) Standing(s *stack.Stack) (services []string) {
	for _, c := range o.Containers {
		svc, ours := s.Project.Services[c.Service]
		if !c.OneOff && c.Running() && (ours && stack.Replicas(svc) > 0 || c.Labels[label.Front] != "") {
			services = append(services, c.Service)
		}
	}
	slices.Sort(services)
	return slices.Compact(services)
}

// StillStand fails where one of the services has no containers any more, or one in front has none that runs.
func (o *Observed) StillStand(services []string) error {
	for _, name := range services {
		runs := slices.ContainsFunc(o.Of(name), func(c Container) bool { return c.Running() || c.Labels[label.Front] == "" })
		if !runs {
			return TakenAway("service %q", name)
		}
	}
	return nil
}

// Complete fails where a service has fewer containers than it should.
func (o *Observed) Complete(s *stack.Stack) error {
	for _, name := range s.Project.ServiceNames() {
		if n := stack.Replicas(s.Project.Services[name]); o.Replicas(name) < n {
			return TakenAway("service %q (%d of %d containers)", name, n-o.Replicas(name), n)
		}
	}
	return nil
}
