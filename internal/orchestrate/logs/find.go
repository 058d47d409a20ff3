package logs

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// found is a container whose log is wanted.
type found struct {
	id, name, service string
	replica           int
	running           bool
}

// find lists the project's containers, also the stopped ones: they have history.
func (s *session) find(ctx context.Context) ([]found, error) {
	list, err := s.src.ContainerList(ctx, container.ListOptions{
		All:     true,
		Filters: filters.NewArgs(filters.Arg("label", orchestrate.LabelProject+"="+s.opts.Project)),
	})
	if err != nil {
		return nil, fmt.Errorf("listing containers of project %q: %w", s.opts.Project, err)
	}
	wanted := make([]found, 0, len(list))
	for _, c := range list {
		if f, ok := s.wanted(c.ID, ownName(c), c.Labels); ok {
			f.running = c.State == container.StateRunning
			wanted = append(wanted, f)
		}
	}
	return wanted, nil
}

// wanted decides by the labels. Those of a container's events are the same.
func (s *session) wanted(id, name string, labels map[string]string) (found, bool) {
	service := labels[orchestrate.LabelService]
	if labels[orchestrate.LabelOneOff] == "True" || (len(s.opts.Services) > 0 && !slices.Contains(s.opts.Services, service)) {
		return found{}, false
	}
	replica, _ := strconv.Atoi(labels[orchestrate.LabelContainerNumber])
	return found{id: id, name: name, service: service, replica: replica}, true
}

// ownName tells a container's name from the names that others linked to it have for it, such as /web/redis.
func ownName(c container.Summary) string {
	for _, n := range c.Names {
		if name := strings.TrimPrefix(n, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return c.ID[:min(len(c.ID), 12)]
}
