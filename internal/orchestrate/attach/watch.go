package attach

import (
	"context"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/events"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

const (
	// maxEvents is how many events of one container may wait while what it has printed is read.
	maxEvents = 256
	// again is the pause before the engine is asked once more.
	again = time.Second
)

// follow hands events to their followers until the session ends. It returns once the engine tells them. Where some were missed, containers
// that were started meanwhile are found by a list, and ends by the followers themselves.
func (s *Session) follow() {
	sub := events.Subscribe(s.ctx, s.src, events.Query{Project: s.Project, Actions: []events.Action{events.Start, events.Die, events.Destroy}})
	s.readers.Go(func() {
		sub.Follow(s.ctx, events.Handler{Event: s.event, Relist: s.relist, Lost: func(err error) { s.Warn(s.Project, err) }})
	})
}

func (s *Session) relist(ctx context.Context) error {
	list, err := s.alive(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		s.event(events.Event{Action: events.Start, ID: c.ID, Attributes: c.Labels})
	}
	return nil
}

func (s *Session) event(e events.Event) {
	s.mu.Lock()
	f, adopting := s.followers[e.ID], s.adopting
	s.mu.Unlock()
	if f == nil {
		if _, _, ok := s.wanted(e.Attributes); ok && adopting && e.Action == events.Start {
			s.join(e.ID)
		}
		return
	}
	if e.Action == events.Destroy && !f.started.Load() {
		f.cancel() // it was attached and never ran: its stream has no other end
	}
	if e.Action == events.Start {
		f.started.Store(true)
	}
	select {
	case f.events <- e:
	case <-s.ctx.Done():
	}
}

// join follows a container that somebody else has started, by its log.
func (s *Session) join(id string) {
	info, err := s.src.ContainerInspect(s.ctx, id)
	if err != nil {
		return // it is gone already
	}
	if f, isNew := s.newFollower(info); isNew {
		f.started.Store(true)
		f.events <- events.Event{Action: events.Start}
		f.begin(nil)
	}
}

// wanted reads from labels which replica a container is, and whether its output is wanted.
func (s *Session) wanted(labels map[string]string) (service string, number int, ok bool) {
	service = labels[label.Service]
	number, err := strconv.Atoi(labels[label.ContainerNumber])
	if err != nil {
		number = 1 // as docker compose takes it
	}
	return service, number, labels[label.Project] == s.Project && !strings.EqualFold(labels[label.OneOff], "true") && s.Wanted(service)
}
