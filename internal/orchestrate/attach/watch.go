package attach

import (
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	"stackctl.dev/stackctl/internal/orchestrate"
)

const (
	// maxEvents is how many events of one container may wait while what it has printed is read.
	maxEvents = 256
	// again is the pause before the engine is asked once more.
	again = time.Second
)

func (s *Session) subscribe() (<-chan events.Message, <-chan error) {
	of := s.ofProject()
	of.Add("type", string(events.ContainerEventType))
	for _, action := range []events.Action{events.ActionStart, events.ActionDie, events.ActionDestroy} {
		of.Add("event", string(action))
	}
	return s.src.Events(s.ctx, events.ListOptions{Filters: of})
}

// watch hands events to their followers until the session ends. When the subscription breaks it is made again; containers that were started
// meanwhile are found by a list, and ends that were missed by the followers themselves.
func (s *Session) watch(messages <-chan events.Message, errs <-chan error) {
	for {
		select {
		case <-s.ctx.Done():
			return
		case m, ok := <-messages:
			if ok {
				s.event(m)
				continue
			}
		case err := <-errs:
			if err != nil && s.ctx.Err() == nil {
				s.Warn(s.Project, err)
			}
		}
		if !pause(s.ctx.Done()) {
			return
		}
		messages, errs = s.subscribe()
		s.relist()
	}
}

func pause(done <-chan struct{}) bool {
	timer := time.NewTimer(again)
	defer timer.Stop()
	select {
	case <-done:
		return false
	case <-timer.C:
		return true
	}
}

func (s *Session) relist() {
	list, err := s.src.ContainerList(s.ctx, container.ListOptions{Filters: s.ofProject()})
	if err != nil {
		return // the subscription fails as well, and is made again
	}
	for _, c := range list {
		s.event(events.Message{Action: events.ActionStart, Actor: events.Actor{ID: c.ID, Attributes: c.Labels}})
	}
}

func (s *Session) event(m events.Message) {
	s.mu.Lock()
	f, adopting := s.followers[m.Actor.ID], s.adopting
	s.mu.Unlock()
	if f == nil {
		if _, _, ok := s.wanted(m.Actor.Attributes); ok && adopting && m.Action == events.ActionStart {
			s.join(m.Actor.ID)
		}
		return
	}
	if m.Action == events.ActionDestroy && !f.started.Load() {
		f.cancel() // it was attached and never ran: its stream has no other end
	}
	if m.Action == events.ActionStart {
		f.started.Store(true)
	}
	select {
	case f.events <- m:
	case <-s.ctx.Done():
	}
}

// join follows a container that somebody else has started, by its log.
func (s *Session) join(id string) {
	info, err := s.src.ContainerInspect(s.ctx, id)
	if err != nil {
		return // it is gone already
	}
	if f, isNew := s.follow(info); isNew {
		f.started.Store(true)
		f.events <- events.Message{Action: events.ActionStart}
		f.begin(nil)
	}
}

// wanted reads from labels which replica a container is, and whether its output is wanted.
func (s *Session) wanted(labels map[string]string) (service string, number int, ok bool) {
	service = labels[orchestrate.LabelService]
	number, err := strconv.Atoi(labels[orchestrate.LabelContainerNumber])
	if err != nil {
		number = 1 // as docker compose takes it
	}
	return service, number, labels[orchestrate.LabelProject] == s.Project && !strings.EqualFold(labels[orchestrate.LabelOneOff], "true") && s.Wanted(service)
}
