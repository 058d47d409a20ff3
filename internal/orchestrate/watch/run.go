package watch

import (
	"context"
	"fmt"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/retry"
)

const (
	callLimit    = 5 * time.Second  // bounds each call to the engine
	connectLimit = 20 * time.Second // bounds connecting: over ssh it may have to log in
)

// pace is how fast things go; tests go faster.
type pace struct {
	relist   time.Duration // lists without cause, as a safety net
	debounce time.Duration // from an event to the list
	gap      time.Duration // least time between two States
	second   time.Duration // from a container's first sample of usage to its second, at most StatsEvery
	settle   time.Duration // how long a poll waits for slow containers before the others' numbers are sent
	wall     func() time.Time
}

func (p pace) withDefaults() pace {
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&p.relist, 30 * time.Second},
		{&p.debounce, 50 * time.Millisecond},
		{&p.gap, 100 * time.Millisecond},
		{&p.second, 500 * time.Millisecond},
		{&p.settle, 1200 * time.Millisecond}, // Engine 20.10 takes up to a second
	} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	if p.wall == nil {
		p.wall = time.Now
	}
	return p
}

// runner holds what outlives a connection: what was last seen.
type runner struct {
	connect func(context.Context) (Source, Engine, error)
	opts    Options
	sink    Sink
	engine  Engine
	list    []Container      // as last listed, without what is in facts and usage
	facts   map[string]facts // by ID
	usage   map[string]*Usage
	lostOne bool // whether the next connection is a reconnection
}

func newRunner(connect func(context.Context) (Source, Engine, error), o Options, sink Sink) *runner {
	if o.StatsEvery <= 0 {
		o.StatsEvery = 2 * time.Second
	}
	o.pace = o.pace.withDefaults()
	if sink.State == nil {
		sink.State = func(State) {}
	}
	if sink.Event == nil {
		sink.Event = func(Event) {}
	}
	return &runner{connect: connect, opts: o, sink: sink, facts: map[string]facts{}, usage: map[string]*Usage{}}
}

func (r *runner) run(ctx context.Context) error {
	var pause retry.Backoff
	for {
		err := r.attempt(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		next := pause.Next()
		r.lose(err, next)
		if err := retry.Wait(ctx, next, nil); err != nil {
			return err
		}
	}
}

// attempt connects and watches until the engine is lost.
func (r *runner) attempt(ctx context.Context) error {
	connecting, cancel := context.WithTimeout(ctx, connectLimit)
	src, engine, err := r.connect(connecting)
	cancel()
	if err != nil {
		return err
	}
	r.engine = engine
	return newSession(r, src).run(ctx)
}

// lose tells at once that what was last seen is stale.
func (r *runner) lose(err error, pause time.Duration) {
	r.lostOne = true
	clear(r.usage)
	s := r.state()
	s.Err = fmt.Errorf("watching project %q: %w", r.opts.Project, err)
	s.RetryAt = s.At.Add(pause)
	r.sink.State(s)
}

// state puts the picture together; the slice is a new one each time, since a State never changes.
func (r *runner) state() State {
	s := State{At: time.Now(), Project: r.opts.Project, Engine: r.engine, Containers: make([]Container, len(r.list))}
	for i, c := range r.list {
		if f, ok := r.facts[c.ID]; ok {
			f.fill(&c)
		}
		if c.State == "running" || c.State == "paused" {
			c.Usage = r.usage[c.ID]
		}
		s.Containers[i] = c
	}
	return s
}
