package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// How many calls go to the engine at once.
const (
	maxInspects = 16
	// Engine 20.10 answers a question about usage only when its collector comes round, once a second for all that wait: few at once
	// would make a poll of 50 containers take 7 s, and waiting costs neither side anything.
	maxSamples = 64
	// Over ssh each call beside others is a process and a login, and sshd turns away more than ten at once.
	maxOverSSH = 6
)

// session watches over one connection. Its fields belong to the goroutine of run; the calls to the engine go beside it, and
// post what they learned.
type session struct {
	r     *runner
	src   Source
	calls sync.WaitGroup
	done  chan func()
	err   error // why the session is over

	inspectSlots, sampleSlots chan struct{}

	inspecting, stale map[string]bool // by container ID
	listing, again    bool
	relist, send      *time.Timer
	sent              time.Time
	waiting           bool // the send timer is set

	meter
	teller
}

func newSession(r *runner, src Source) *session {
	inspects, samples := maxInspects, maxSamples
	if strings.HasPrefix(r.engine.Address, "ssh://") {
		inspects, samples = maxOverSSH, maxOverSSH
	}
	return &session{
		r: r, src: src, done: make(chan func()),
		inspectSlots: make(chan struct{}, inspects), sampleSlots: make(chan struct{}, samples),
		inspecting: map[string]bool{}, stale: map[string]bool{},
		relist: time.NewTimer(time.Hour), send: time.NewTimer(time.Hour),
		meter: newMeter(r.opts.pace), teller: newTeller(r.sink.Event),
	}
}

// run watches until the engine is lost or ctx ends.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.calls.Wait()
	defer cancel()
	defer s.stopTimers()
	// First the events, then the list: so nothing happens between the two unseen.
	msgs, errs, err := s.subscribe(ctx, cancel)
	if err != nil {
		return err
	}
	first, err := s.list(ctx)
	if err != nil {
		return err
	}
	if s.r.lostOne {
		s.r.lostOne = false
		s.r.sink.Event(Event{At: time.Now(), Kind: EventReconnect, Text: "the engine answers again"})
	}
	for _, c := range first {
		s.stale[c.ID] = true // what was known of it may have changed while nobody looked
	}
	s.take(ctx, first)
	s.flush()
	s.relist.Reset(s.r.opts.pace.relist)
	s.tick.Reset(0)
	defer s.tellAll()
	return s.loop(ctx, msgs, errs)
}

func (s *session) loop(ctx context.Context, msgs <-chan events.Message, errs <-chan error) error {
	for s.err == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-errs:
			return endOfEvents(err)
		case m, ok := <-msgs:
			if !ok {
				return endOfEvents(nil)
			}
			s.event(m)
		case result := <-s.done:
			result()
		case <-s.relist.C:
			s.look(ctx)
		case <-s.send.C:
			s.flush()
		case <-s.hold.C:
			s.tellDue(time.Now())
		case <-s.tick.C:
			s.measure(ctx)
		case <-s.settled.C:
			s.commit()
		}
	}
	return s.err
}

func (s *session) stopTimers() {
	for _, t := range []*time.Timer{s.relist, s.send, s.hold, s.tick, s.settled} {
		t.Stop()
	}
}

func endOfEvents(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = errors.New("the engine ended the events")
	}
	return fmt.Errorf("reading events: %w", err)
}

// actions are the events that change the picture, or are worth telling.
var actions = []events.Action{
	events.ActionCreate, events.ActionStart, events.ActionStop, events.ActionRestart, events.ActionDie, events.ActionKill,
	events.ActionOOM, events.ActionHealthStatus, events.ActionPause, events.ActionUnPause, events.ActionRename, events.ActionUpdate, events.ActionDestroy,
}

// subscribe waits for the subscription, but not for long: the real client returns once the engine has answered.
func (s *session) subscribe(ctx context.Context, cancel func()) (<-chan events.Message, <-chan error, error) {
	f := filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)), filters.Arg("label", orchestrate.LabelProject+"="+s.r.opts.Project))
	for _, a := range actions {
		f.Add("event", string(a))
	}
	late := time.AfterFunc(callLimit, cancel)
	msgs, errs := s.src.Events(ctx, events.ListOptions{Filters: f})
	if !late.Stop() {
		return nil, nil, fmt.Errorf("reading events: the engine did not answer within %s", callLimit)
	}
	return msgs, errs, nil
}

// start runs a call beside the loop; run waits for it.
func (s *session) start(call func()) { s.calls.Go(call) }

// post hands a result to the loop.
func (s *session) post(ctx context.Context, result func()) {
	select {
	case s.done <- result:
	case <-ctx.Done():
	}
}

// limited makes a call when one of the slots is free; only then its time begins to run.
func (s *session) limited(ctx context.Context, slots chan struct{}, call func(context.Context) error) error {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-slots }()
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return call(ctx)
}

// soon lists after a short while, since events come in crowds. A further event does not put it off.
func (s *session) soon() {
	if s.again {
		return
	}
	s.again = true
	if !s.listing {
		s.relist.Reset(s.r.opts.pace.debounce)
	}
}

// look lists beside the loop.
func (s *session) look(ctx context.Context) {
	if s.listing {
		return
	}
	s.listing, s.again = true, false
	s.start(func() {
		list, err := s.list(ctx)
		s.post(ctx, func() {
			s.listing = false
			if err != nil {
				s.err = err
				return
			}
			s.take(ctx, list)
			if s.again {
				s.relist.Reset(s.r.opts.pace.debounce)
				return
			}
			s.relist.Reset(s.r.opts.pace.relist)
		})
	})
}

func (s *session) listed(id string) bool { return s.index(id) >= 0 }

func (s *session) index(id string) int {
	return slices.IndexFunc(s.r.list, func(c Container) bool { return c.ID == id })
}

// dirty sends a new State as soon as that is not too often.
func (s *session) dirty() {
	if s.waiting {
		return
	}
	s.waiting = true
	s.send.Reset(max(0, s.r.opts.pace.gap-time.Since(s.sent)))
}

func (s *session) flush() {
	s.waiting, s.sent = false, time.Now()
	s.r.sink.State(s.r.state())
}
