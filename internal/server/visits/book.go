package visits

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stackctl.dev/stackctl/internal/fault"
)

const (
	// attemptTimeout bounds one attempt to book a batch. Redis is one hop away; if an fsync takes longer, a second attempt gets
	// the result of the first.
	attemptTimeout = time.Second
	// maxBackoff is the longest pause between two attempts. The first retry comes at once.
	maxBackoff = 100 * time.Millisecond
)

// bookGroup books a group's visits, and retries while any of them waits. It returns the last of the n numbers.
func (c *counter) bookGroup(g *group) (last, n int64, err error) {
	c.number++
	b := batch{number: c.number}
	sent := false // an earlier attempt may have been booked, so the number of visits must not change
	for attempts := 0; ; attempts++ {
		waiting := c.waitingFor(g)
		if waiting == 0 {
			return 0, 0, ErrTimeout // no caller gets it
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
		if !c.pause(attempts) {
			return 0, 0, fmt.Errorf("%w: %w", ErrClosed, err)
		}
	}
}

// lasts reports whether the error means that Redis has not booked a batch and never will.
func lasts(err error) bool {
	f := fault.Of(err)
	return f != nil && f.Lasts
}

// attempt tries once to book b. If Redis does not know the process, it registers first, which changes b's process.
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
	return 0, fmt.Errorf("%w: %w", errNotBooked, errForgotten) // forgotten again at once: something deletes the hash
}

func (c *counter) waitingFor(g *group) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return g.waiting
}

// pause waits before the next attempt; it returns false if the counter is closed.
func (c *counter) pause(attempts int) bool {
	if attempts == 0 {
		return c.life.Err() == nil // the connection may have been stale: the next one is new
	}
	timer := time.NewTimer(min(time.Millisecond<<min(attempts, 10), maxBackoff))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.life.Done():
		return false
	}
}
