// Package feed carries the merged stream of logs to the dashboard: in batches, never faster than it draws, and counting what falls out.
package feed

import (
	"context"
	"errors"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/retry"
)

const (
	// gather is how long the first line after a pause waits for the lines that belong to it: a request is logged in two tiers.
	gather = 5 * time.Millisecond
	// interval is the least time between two batches: nobody reads faster than sixteen times a second.
	interval = 60 * time.Millisecond

	maxLines = 5000
	maxBytes = 2 << 20 // of text

	// heldFor is how long a stream that was lost must last before it counts as back, if it brings no lines.
	heldFor = time.Second
)

// Batch is sent to the program: lines in the order of the stream. Its receiver owns Lines.
type Batch struct {
	Lines   []logs.Line
	Skipped int // lines that came before these and fell out, because the program did not take them in time, or the engine did not give them
	// Estimated says that part of Skipped is an estimate.
	Estimated bool
}

// Lost is sent when the stream could not begin, or ended by itself; it is opened again after Retry.
type Lost struct {
	Err   error
	Retry time.Duration
}

// Resumed is sent when a stream that was lost is back.
type Resumed struct{}

// Stream reads lines until ctx ends, as logs.Stream does with Follow. An error means that it could not begin.
type Stream func(ctx context.Context, emit func(logs.Line) error) error

// Run reads the stream and sends Batch, Lost and Resumed until ctx ends, and has left nothing behind when it returns.
//
// tap, if not nil, sees every line before anything is dropped, in the stream's own goroutine. send is tea.Program.Send: it may
// block, without holding up the stream, but must return once ctx has ended.
func Run(ctx context.Context, stream Stream, tap func(logs.Line), send func(tea.Msg)) {
	p := &pending{wake: make(chan struct{}, 1)}
	var sender sync.WaitGroup
	sender.Go(func() { p.deliver(ctx, send) })
	defer sender.Wait()
	var tries retry.Backoff
	for lost := false; ctx.Err() == nil; lost = true {
		stop := func() {}
		if lost {
			stop = p.tellWhenHeld()
		}
		err := stream(ctx, func(l logs.Line) error {
			if tap != nil {
				tap(l)
			}
			p.add(l)
			return ctx.Err()
		})
		stop()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the stream of logs ended")
		}
		pause := tries.Next()
		p.tell(Lost{Err: err, Retry: pause})
		_ = retry.Wait(ctx, pause, nil)
	}
}

// tellWhenHeld sends Resumed once the stream has lasted for a while; stop ends the wait for that.
func (p *pending) tellWhenHeld() (stop func()) {
	told := make(chan struct{})
	timer := time.AfterFunc(heldFor, func() {
		defer close(told)
		p.tell(Resumed{})
	})
	return func() {
		if !timer.Stop() {
			<-told
		}
	}
}

// pending is what the program has not taken yet: lines, of which the oldest fall out when there are too many, and the last thing to tell.
type pending struct {
	wake chan struct{}

	mu    sync.Mutex
	batch Batch
	bytes int
	note  tea.Msg
}

func (p *pending) add(l logs.Line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &p.batch
	idle := len(b.Lines) == 0
	for len(b.Lines) > 0 && (len(b.Lines) == maxLines || p.bytes+len(l.Text) > maxBytes) {
		p.bytes -= len(b.Lines[0].Text)
		b.Lines[0] = logs.Line{} // frees its text
		b.Lines = b.Lines[1:]
		b.Skipped++
	}
	if l.Skipped > 0 {
		b.Skipped += l.Skipped
		b.Estimated = true
	}
	b.Lines = append(b.Lines, l)
	p.bytes += len(l.Text)
	if idle {
		p.signal()
	}
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

// deliver sends until ctx ends; it sleeps without a timer while there is nothing.
func (p *pending) deliver(ctx context.Context, send func(tea.Msg)) {
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		if retry.Wait(ctx, max(gather, interval-time.Since(last)), nil) != nil {
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

// take hands over what there is.
func (p *pending) take() (Batch, tea.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	batch, note := p.batch, p.note
	p.batch, p.bytes, p.note = Batch{}, 0, nil
	if n := len(batch.Lines); n > 0 { // the next batch will be about as large
		p.batch.Lines = make([]logs.Line, 0, min(n+n/8, maxLines))
	}
	return batch, note
}
