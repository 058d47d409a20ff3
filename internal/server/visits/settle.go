package visits

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stackctl.dev/stackctl/internal/fault"
)

const (
	// attemptTimeout bounds one try to book a batch. Redis is one hop away; a disk that needs longer for an fsync
	// costs a second try, which gets the result of the first.
	attemptTimeout = time.Second
	// maxBackoff is the longest pause between two tries. The first retry comes at once.
	maxBackoff = 100 * time.Millisecond
)

// settle books a group, for as long as anybody waits for it. It returns the last of the n numbers.
func (c *counter) settle(g *group) (last, n int64, err error) {
	c.number++
	b := batch{number: c.number}
	sent := false // an earlier try may have been booked: its number of visits stands
	for try := 0; ; try++ {
		waiting := c.waitingFor(g)
		if waiting == 0 {
			return 0, 0, ErrTimeout // nobody is there to read it
		}
		if !sent {
			b.visits = waiting
		}
		last, err := c.attempt(&b, sent)
		switch {
		case err == nil:
			c.metrics.size.Observe(float64(b.visits))
			return last, b.visits, nil
		case errors.Is(err, ErrUnknown), lasts(err):
			return 0, 0, err
		}
		sent = sent || !errors.Is(err, errNotBooked)
		c.metrics.retries.Inc()
		if !c.pause(try) {
			return 0, 0, fmt.Errorf("%w: %w", ErrClosed, err)
		}
	}
}

// lasts says that Redis has not booked a batch and never will.
func lasts(err error) bool {
	f := fault.Of(err)
	return f != nil && f.Lasts
}

// attempt is one try to book b. A process that Redis does not know registers first, which changes b's process.
func (c *counter) attempt(b *batch, sent bool) (int64, error) {
	ctx, cancel := context.WithTimeout(c.life, attemptTimeout)
	defer cancel()
	for range 2 {
		if c.process == "" {
			process, err := c.ledger.register(ctx)
			if err != nil {
				return 0, fmt.Errorf("%w: %w", errNotBooked, err)
			}
			c.process = process
		}
		if b.process == "" {
			b.process = c.process
		}
		begin := time.Now()
		last, err := c.ledger.book(ctx, *b)
		c.metrics.duration.Observe(time.Since(begin).Seconds())
		if !errors.Is(err, errForgotten) {
			return last, err
		}
		b.process, c.process = "", ""
		if sent {
			return 0, ErrUnknown
		}
	}
	return 0, fmt.Errorf("%w: %w", errNotBooked, errForgotten) // at once again: somebody deletes what Redis remembers
}

func (c *counter) waitingFor(g *group) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return g.waiting
}

// pause waits before the next try; false when the counter is closed.
func (c *counter) pause(try int) bool {
	if try == 0 {
		return c.life.Err() == nil // the connection was an old one: the next is new
	}
	timer := time.NewTimer(min(time.Millisecond<<min(try, 10), maxBackoff))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.life.Done():
		return false
	}
}
