package watch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/events"
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
	sub := events.Subscribe(ctx, s.src, events.Query{Project: s.r.opts.Project, Actions: actions, Limit: callLimit})
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
	s.start(func() { s.listen(ctx, sub) })
	return s.loop(ctx)
}

func (s *session) loop(ctx context.Context) error {
	for s.err == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
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

// listen posts events until the subscription ends, and that it has.
func (s *session) listen(ctx context.Context, sub *events.Subscription) {
	err := sub.Each(func(e events.Event) {
		s.post(ctx, func() { s.event(e) })
	})
	s.post(ctx, func() { s.err = fmt.Errorf("reading events: %w", cmp.Or(err, events.ErrEnded)) })
}

// actions are the events that change the picture, or are worth telling.
var actions = []events.Action{
	events.Create, events.Start, events.Stop, events.Restart, events.Die, events.Kill, events.OOM, events.HealthStatus,
	events.Pause, events.Unpause, events.Rename, events.Update, events.Destroy,
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
