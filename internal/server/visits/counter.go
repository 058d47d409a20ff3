// Package visits counts visits in Redis, each exactly once and many in one round trip.
//
// Visits that come while a batch is on its way to Redis wait together and are the next batch: one command, one fsync.
// A batch has a number, and Redis remembers the last one of each process, so that a batch whose answer was lost is
// sent again and booked once. docs/exactly-once.md has the protocol, its argument and its limits.
package visits

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxWaiting bounds the visits that wait for a number, and so a batch.
	maxWaiting = 2048
	// maxHold is the longest that a batch waits for visits that are probably on their way: see hold.
	maxHold = 2 * time.Millisecond
)

var (
	// ErrBusy says that so many visits wait already that another one would only wait in vain. It was not counted.
	ErrBusy = errors.New("too many visits are waiting")
	// ErrTimeout says that the visit waited for as long as it may. It was not counted unless Redis got it at the last moment.
	ErrTimeout = errors.New("redis did not count in time")
	// ErrUnknown says that Redis has forgotten what it did with the visit: it may have been counted once.
	ErrUnknown = errors.New("redis has forgotten whether it was counted")
	// ErrClosed says that the counter was closed.
	ErrClosed = errors.New("the counter is closed")
)

// ledger books batches, each once.
type ledger interface {
	// register makes a new process known. It returns the name under which it books from now on.
	register(ctx context.Context) (process string, err error)
	// book adds b.visits to the counter and returns the new value; for the process's last batch again, its first result.
	// errForgotten: the process is not known (any more), and nothing was changed. An error that wraps errNotBooked
	// changed nothing either; after any other, the batch may or may not have been booked.
	book(ctx context.Context, b batch) (last int64, err error)
}

var (
	errForgotten = errors.New("the process is not known")
	errNotBooked = errors.New("not booked")
)

// batch is a number of visits that are booked in one step.
type batch struct {
	process string
	number  int64 // of the process's batches, from 1
	visits  int64
}

// group is the visits of one batch while they wait. Its fields are guarded by counter.mu until done is closed.
type group struct {
	waiting int64 // visitors that have not left
	settled bool
	done    chan struct{}

	// The result, read after done.
	first int64
	err   error
	taken atomic.Int64
}

// counter gives out numbers by group commit.
type counter struct {
	ledger  ledger
	timeout time.Duration
	metrics *metrics
	life    context.Context // ends with close
	end     context.CancelFunc
	work    sync.WaitGroup // the commit

	mu         sync.Mutex
	open       *group // what the next visit joins; nil for a new one
	waiting    int64  // visits of all groups
	expected   int64  // the size of the last batch
	full       chan struct{}
	committing bool

	// Of the commit alone.
	process string // "" until it is registered
	number  int64
}

func newCounter(l ledger, timeout time.Duration, m *metrics) *counter {
	c := &counter{ledger: l, timeout: timeout, metrics: m, full: make(chan struct{}, 1)}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// next counts one visit and returns its number, which no other visit gets. While Redis is away it waits, for as long as
// the counter's timeout. After an error the visit may have been counted, unless it is ErrBusy or has a fault that lasts.
func (c *counter) next(ctx context.Context) (int64, error) {
	g, err := c.join()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	timer := time.NewTimer(c.timeout)
	defer timer.Stop()
	select {
	case <-g.done:
	case <-ctx.Done():
		c.leave(g)
		return 0, ctx.Err()
	case <-timer.C:
		c.leave(g)
		return 0, ErrTimeout
	}
	c.metrics.wait.Observe(time.Since(begin).Seconds())
	if g.err != nil {
		return 0, g.err
	}
	return g.first + g.taken.Add(1) - 1, nil
}

// join adds a visit to the open group, and starts the commit where none is under way.
func (c *counter) join() (*group, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return nil, ErrClosed
	}
	if c.waiting >= maxWaiting {
		c.metrics.shed.Inc()
		return nil, ErrBusy
	}
	if c.open == nil {
		c.open = &group{done: make(chan struct{})}
	}
	g := c.open
	g.waiting++
	c.waiting++
	if g.waiting == c.expected {
		select {
		case c.full <- struct{}{}:
		default:
		}
	}
	if !c.committing {
		c.committing = true
		c.work.Go(c.commit)
	}
	return g, nil
}

// leave takes a visitor out who does not wait any longer. Unless its batch was sent, it is not counted.
func (c *counter) leave(g *group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !g.settled {
		g.waiting--
		c.waiting--
	}
}

// commit books one group after the other, until nobody waits.
func (c *counter) commit() {
	for {
		c.hold()
		g := c.seal()
		if g == nil {
			return
		}
		last, n, err := c.settle(g)
		c.mu.Lock()
		c.waiting -= g.waiting
		g.settled, g.first, g.err = true, last-n+1, err
		c.mu.Unlock()
		close(g.done)
	}
}

// hold lets as many visits join as the last batch had: those who were just answered mostly come back at once, and a
// batch of many costs hardly more than a batch of one. It costs a single visitor nothing, and nobody more than maxHold.
func (c *counter) hold() {
	c.mu.Lock()
	select {
	case <-c.full: // left over from a group that was sealed without waiting
	default:
	}
	wait := c.open != nil && c.open.waiting < c.expected
	c.mu.Unlock()
	if !wait {
		return
	}
	timer := time.NewTimer(maxHold)
	defer timer.Stop()
	select {
	case <-c.full:
	case <-timer.C:
	case <-c.life.Done():
	}
}

// seal takes the open group. With none, the commit has ended.
func (c *counter) seal() *group {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.open
	c.open = nil
	if g == nil {
		c.committing = false
		return nil
	}
	c.expected = g.waiting
	return g
}

// queued is the number of visits that wait for a number.
func (c *counter) queued() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting
}

// close ends the commit: visits that still wait get ErrClosed.
func (c *counter) close() {
	c.mu.Lock()
	c.end() // under the lock, so that no commit starts after the wait
	c.mu.Unlock()
	c.work.Wait()
}
