package logs

import (
	"context"

	"stackctl.dev/stackctl/internal/orchestrate/events"
)

// subscribe learns from the engine's events which containers start and which are gone.
func (s *session) subscribe(ctx context.Context) *events.Subscription {
	return events.Subscribe(ctx, s.src, events.Query{Project: s.opts.Project, Actions: []events.Action{events.Start, events.Destroy}})
}

// watch tells the readers, until ctx ends.
func (s *session) watch(ctx context.Context, sub *events.Subscription) {
	sub.Follow(ctx, events.Handler{
		Event:  func(e events.Event) { s.event(ctx, e) },
		Relist: s.relist,
		Lost:   func(err error) { s.warn("", err) },
	})
}

func (s *session) event(ctx context.Context, e events.Event) {
	// A container that is gone makes its reader notice that; one that started has more to read.
	if known := s.kick(e.ID); known || e.Action != events.Start {
		return
	}
	if s.wanted(e.Service, e.OneOff) {
		s.add(ctx, []found{{id: e.ID, name: e.Name, service: e.Service, replica: e.Number}}, tailAll)
	}
}

// relist finds what happened while no events came: containers that are new, and those that run again.
func (s *session) relist(ctx context.Context) error {
	list, err := s.find(ctx)
	if err != nil {
		return err
	}
	for _, f := range list {
		if f.running {
			s.kick(f.id)
		}
	}
	s.add(ctx, list, tailAll)
	return nil
}
