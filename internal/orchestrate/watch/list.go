package watch

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

func (s *session) list(ctx context.Context) ([]Container, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	found, err := observe.Containers(ctx, s.src, s.r.opts.Project)
	if err != nil {
		return nil, err
	}
	list := make([]Container, 0, len(found))
	for _, c := range found {
		if c.OneOff {
			continue
		}
		// The engine lists ports in no order.
		slices.SortFunc(c.Ports, func(a, b container.Port) int {
			return strings.Compare(fmt.Sprint(a.PrivatePort, a.Type, a.IP, a.PublicPort), fmt.Sprint(b.PrivatePort, b.Type, b.IP, b.PublicPort))
		})
		list = append(list, Container{
			Status:   observe.Status{Container: c, ExitCode: exitCodeOf(c.Status)},
			Revision: revisionOf(c.Hash, c.ImageID),
		})
	}
	return list, nil
}

// take makes a list the picture, and has inspected what the list leaves open.
func (s *session) take(ctx context.Context, list []Container) {
	before := make(map[string]Container, len(s.r.list))
	for _, c := range s.r.list {
		before[c.ID] = c
	}
	changed := len(list) != len(s.r.list)
	ids := make(map[string]bool, len(list))
	var open []string
	for _, c := range list {
		ids[c.ID] = true
		old := before[c.ID]
		_, inspected := s.r.facts[c.ID]
		if old.State != c.State {
			delete(s.r.usage, c.ID)
			s.tick.Reset(0) // one that began to run is measured without waiting for the next poll
		}
		changed = changed || !same(old, c)
		if s.stale[c.ID] || !inspected || old.State != c.State {
			open = append(open, c.ID)
		}
	}
	s.r.list = list
	s.forget(ids)
	for _, id := range open {
		s.inspect(ctx, id)
	}
	if changed {
		s.dirty()
	}
}

// same leaves out the engine's words, which count the seconds.
func same(a, b Container) bool {
	a.Status.Status, b.Status.Status = "", ""
	return reflect.DeepEqual(a, b)
}

// forget drops what is known of containers that are gone.
func (s *session) forget(ids map[string]bool) {
	for id := range s.r.facts {
		if !ids[id] {
			delete(s.r.facts, id)
		}
	}
	for id := range s.r.usage {
		if !ids[id] {
			delete(s.r.usage, id)
		}
	}
	for id := range s.stale {
		if !ids[id] {
			delete(s.stale, id)
		}
	}
	s.meter.forget(ids)
}
