// Package feed carries the merged stream of logs to the dashboard: in batches, never faster than it draws, and counting what falls out.
package feed

import (
	"context"
	"errors"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

const (
	// gather is how long the first line after quiet waits for those that belong to it: a request logs in two tiers.
	gather = 5 * time.Millisecond
	// interval is the least time between two batches: more often than sixteen times a second nobody reads.
	interval = 60 * time.Millisecond

	maxLines = 5000
	maxBytes = 2 << 20 // of text

	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second
	// heldFor is how long a stream that was lost must hold before it counts as being back, if it brings no lines.
	heldFor = time.Second
)

// Batch is sent to the program: lines in the order of the stream. Its receiver owns Lines.
type Batch struct {
	Lines   []logs.Line
	Skipped int // lines that came before these and fell out, because the program did not take them in time, or the engine did not give them
	// Estimated says that nobody has counted some of the skipped.
	Estimated bool
}

// Lost is sent when the stream has ended although it should not; it is tried again after Retry.
type Lost struct {
	Err   error
	Retry time.Duration
}

// Resumed is sent when a stream that was lost is back.
type Resumed struct{}

// Stream reads lines until ctx ends, as logs.Stream does with Follow.
type Stream func(ctx context.Context, emit func(logs.Line) error) error

// Run reads the stream and sends Batch, Lost and Resumed until ctx ends, and has left nothing behind when it returns.
//
// tap, if not nil, sees every line before anything is dropped, in the stream's own goroutine. send is tea.Program.Send: it may
// block, without holding up the stream, but must return once ctx has ended. When the stream begins again after an error, lines that a
// container has given before do not come again.
func Run(ctx context.Context, stream Stream, tap func(logs.Line), send func(tea.Msg)) {
	p := &pending{wake: make(chan struct{}, 1)}
	var sender sync.WaitGroup
	sender.Go(func() { p.deliver(ctx, send) })
	defer sender.Wait()
	seen := newest{}
	pause := firstPause
	for lost := false; ctx.Err() == nil; lost = true {
		came := false
		fresh := seen.again()
		back := p.announce(ctx, lost)
		err := stream(ctx, func(l logs.Line) error {
			if !fresh(l) {
				return nil
			}
			came = true
			if tap != nil {
				tap(l)
			}
			p.add(l)
			return ctx.Err()
		})
		back()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the stream of logs ended")
		}
		if came {
			pause = firstPause
		}
		p.tell(Lost{Err: err, Retry: pause})
		wait(ctx, pause)
		pause = min(2*pause, longestPause)
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// pending is what the program has not taken yet: a bounded ring that drops its oldest lines, and the last thing to tell.
type pending struct {
	wake chan struct{}

	mu      sync.Mutex
	ring    []logs.Line
	first   int // index of the oldest line once the ring is full and turns
	n       int
	bytes   int
	skipped int
	// estimated says that skipped holds what nobody counted.
	estimated bool
	note      tea.Msg
}

func (p *pending) add(l logs.Line) {
	p.mu.Lock()
	idle := p.n == 0
	for p.n > 0 && (p.n == maxLines || p.bytes+len(l.Text) > maxBytes) {
		p.drop()
	}
	at := p.first + p.n
	switch {
	case at >= maxLines:
		p.ring[at-maxLines] = l
	case at < len(p.ring):
		p.ring[at] = l
	default:
		p.ring = append(p.ring, l)
	}
	if l.Skipped > 0 {
		p.skipped += l.Skipped
		p.estimated = true
	}
	p.n++
	p.bytes += len(l.Text)
	p.mu.Unlock()
	if idle {
		p.signal()
	}
}

func (p *pending) drop() {
	old := &p.ring[p.first]
	p.bytes -= len(old.Text)
	*old = logs.Line{}
	p.first++
	if p.first == maxLines {
		p.first = 0
	}
	p.n--
	p.skipped++
}

func (p *pending) tell(note tea.Msg) {
	p.mu.Lock()
	p.note = note
	p.mu.Unlock()
	p.signal()
}

func (p *pending) signal() {
	select {
	case p.wake <- struct{}{}:
	default: // it is awake
	}
}

// announce tells, after a loss, that the stream holds. What it returns ends the watch.
func (p *pending) announce(ctx context.Context, lost bool) (end func()) {
	if !lost {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		wait(ctx, heldFor)
		if ctx.Err() == nil {
			p.tell(Resumed{})
		}
	})
	return func() {
		cancel()
		watch.Wait()
	}
}

// deliver sends until ctx ends; it sleeps without a timer while there is nothing.
func (p *pending) deliver(ctx context.Context, send func(tea.Msg)) {
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		wait(ctx, max(gather, interval-time.Since(last)))
		if ctx.Err() != nil {
			return
		}
		batch, note := p.take()
		if len(batch.Lines) > 0 || batch.Skipped > 0 {
			send(batch)
		}
		if note != nil {
			send(note)
		}
		last = time.Now()
	}
}

// take empties the ring. The lines leave in the ring itself where it has not turned.
func (p *pending) take() (Batch, tea.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := Batch{Skipped: p.skipped, Estimated: p.estimated}
	note := p.note
	size := p.n
	switch end := p.first + p.n; {
	case end <= len(p.ring):
		b.Lines = p.ring[p.first:end:end]
	default:
		b.Lines = make([]logs.Line, 0, p.n)
		b.Lines = append(append(b.Lines, p.ring[p.first:]...), p.ring[:end-maxLines]...)
	}
	p.ring, p.first, p.n, p.bytes, p.skipped, p.note = nil, 0, 0, 0, 0, nil
	if size > 0 { // the next batch will be about as large
		p.ring = make([]logs.Line, 0, min(size+size/8, maxLines))
	}
	return b, note
}
