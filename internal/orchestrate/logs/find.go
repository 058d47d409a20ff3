package logs

import (
	"context"
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// found is a container whose log is wanted.
type found struct {
	id, name, service string
	replica           int
	running           bool
}

// find lists the project's containers, also the stopped ones: they have history.
func (s *session) find(ctx context.Context) ([]found, error) {
	list, err := observe.Containers(ctx, s.src, s.opts.Project)
	if err != nil {
		return nil, err
	}
	var wanted []found
	for _, c := range list {
		if s.wanted(c.Service, c.OneOff) {
			wanted = append(wanted, found{id: c.ID, name: c.Name, service: c.Service, replica: c.Number, running: c.State == "running"})
		}
	}
	return wanted, nil
}

// wanted reports whether the log of a service's container is to be read.
func (s *session) wanted(service string, oneOff bool) bool {
	return !oneOff && (len(s.opts.Services) == 0 || slices.Contains(s.opts.Services, service))
}
