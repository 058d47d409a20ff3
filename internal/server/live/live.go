// Package live serves the web page: the count, the visits per second and a chart, updated by server-sent events.
package live

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// idlePoll continues the chart while nobody watches, so that a new viewer sees the last minutes.
	idlePoll = time.Second
	busyPoll = 250 * time.Millisecond
	// readTimeout bounds one read of the count. Readers have shorter timeouts.
	readTimeout = 2 * time.Second
	// heartbeat is well below the 10 s of silence after which nginx closes a response.
	heartbeat = 4 * time.Second
	// writeTimeout is how long a viewer may not read once the kernel's buffers are full.
	writeTimeout = 5 * time.Second
	maxViewers   = 2000
)

// Reader reads the number of visits without counting one.
type Reader interface {
	Visits(ctx context.Context) (int64, error)
}

// Page is the page and its stream of events. Run polls the count for all viewers.
type Page struct {
	read     Reader
	log      *slog.Logger
	template *template
	policy   string // the Content-Security-Policy

	current  atomic.Pointer[state]
	viewers  atomic.Int64
	closed   chan struct{}
	closing  sync.Once
	idle     time.Duration
	busy     time.Duration
	beat     time.Duration
	patience time.Duration // writeTimeout, shorter in tests
	limit    int64
}

// New returns a page whose source has one inline style, one inline script and {{name}} for values. It shows no count before Run has
// read one.
func New(read Reader, source string, log *slog.Logger) (*Page, error) {
	t, err := parse(source, (&state{}).values())
	if err != nil {
		return nil, err
	}
	policy, err := policy(source)
	if err != nil {
		return nil, err
	}
	p := &Page{
		read: read, log: log, template: t, policy: policy, closed: make(chan struct{}),
		idle: idlePoll, busy: busyPoll, beat: heartbeat, patience: writeTimeout, limit: maxViewers,
	}
	p.publish(track{status: starting}, time.Now())
	return p, nil
}

// Run reads the count until ctx is done: four times a second while there are viewers, and otherwise once, regardless of how many
// viewers there are. It does not log errors, since the reader does.
func (p *Page) Run(ctx context.Context) {
	t := track{status: starting}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		count, err := p.visits(ctx)
		if ctx.Err() != nil {
			return
		}
		if now := time.Now(); t.observe(now, count, err) {
			p.publish(t, now)
		}
		if p.viewers.Load() > 0 {
			timer.Reset(p.busy)
		} else {
			timer.Reset(p.idle)
		}
	}
}

// Close ends the streams of all viewers, and later ones at once. Their browsers connect again through nginx, to a replica that still
// serves.
func (p *Page) Close() { p.closing.Do(func() { close(p.closed) }) }

func (p *Page) visits(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return p.read.Visits(ctx)
}

// publish makes t the state that viewers see, and wakes them. Only New and Run call it, never concurrently.
func (p *Page) publish(t track, now time.Time) {
	s := &state{track: t, at: now, delta: t.event(nil), replaced: make(chan struct{})}
	s.full = sync.OnceValue(func() []byte { return t.event(append([]rate{}, t.history...)) })
	s.html = sync.OnceValue(func() []byte { return p.template.execute(s.values()) })
	if old := p.current.Swap(s); old != nil {
		close(old.replaced)
	}
}
