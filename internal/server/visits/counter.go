// Package visits counts visits in Redis, each exactly once and many in one round trip.
//
// Visits that arrive while a batch is sent to Redis wait for the next batch: one command, one fsync. A batch has a number, and
// Redis remembers each process's last one, so that a batch whose reply was lost can be sent again and is booked only once.
// docs/exactly-once.md has the protocol, its proof and its limits.
package visits

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxWaiting bounds the visits that wait for a number, and so the size of a batch.
	maxWaiting = 2048
	// maxHold is how long a batch waits at most for visits that will probably arrive soon: see hold.
	maxHold = 2 * time.Millisecond
)

var (
	// ErrBusy says that too many visits are waiting already. The visit was not counted.
	ErrBusy = errors.New("too many visits are waiting")
	// ErrTimeout says that the visit waited for the whole timeout. It was not counted, unless Redis got it at the last moment.
	ErrTimeout = errors.New("redis did not count in time")
	// ErrUnknown says that Redis no longer knows the batch: the visit may have been counted once.
	ErrUnknown = errors.New("redis no longer knows whether it was counted")
	// ErrClosed says that the counter was closed.
	ErrClosed = errors.New("the counter is closed")
)

// ledger books batches, each once.
type ledger interface {
	// register registers a new process and returns its name.
	register(ctx context.Context) (process string, err error)
	// book adds b.visits to the counter and returns the new value; if b is the process's last batch, which is already booked, it
	// returns the same value again. After errForgotten (the process is not registered) and an error that wraps errNotBooked,
	// nothing was changed; after any other error, the batch may or may not have been booked.
	book(ctx context.Context, b batch) (last int64, err error)
}

var (
	errForgotten = errors.New("the process is not registered")
	errNotBooked = errors.New("not booked")
)

// batch is a number of visits that are booked in one step.
type batch struct {
	process string
	number  int64 // of the process's batches, from 1
	visits  int64
}

// group is the waiting visits of one batch. Its fields are guarded by counter.mu until done is closed.
type group struct {
	waiting  int64 // visits whose callers still wait
	finished bool
	done     chan struct{}

	// The result, read after done.
	first int64
	err   error
	taken atomic.Int64
}

// counter numbers visits by group commit.
type counter struct {
	ledger  ledger
	timeout time.Duration
	metrics *metrics
	life    context.Context // ends with close
	end     context.CancelFunc
	work    sync.WaitGroup // of commit

	mu         sync.Mutex
	open       *group // which the next visit joins; nil if it begins a new one
	waiting    int64  // visits of all groups
	expected   int64  // the size of the last batch
	full       chan struct{}
	committing bool

	// Used by commit only.
	process string // "" until it is registered
	number  int64
}

func newCounter(l ledger, timeout time.Duration, m *metrics) *counter {
	c := &counter{ledger: l, timeout: timeout, metrics: m, full: make(chan struct{}, 1)}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// next counts one visit and returns its number, which no other visit gets. While Redis is away it waits up to the counter's
// timeout. After an error the visit may have been counted, unless the error is ErrBusy or has a fault that lasts.
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

// join adds a visit to the open group, and starts commit unless it runs.
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

// leave removes a visit whose caller no longer waits. It is not counted, unless its batch was already sent.
func (c *counter) leave(g *group) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !g.finished {
		g.waiting--
		c.waiting--
	}
}

// commit books one group after the other, until no visit waits.
func (c *counter) commit() {
	for {
		c.hold()
		g := c.seal()
		if g == nil {
			return
		}
		last, n, err := c.bookGroup(g)
		c.mu.Lock()
		c.waiting -= g.waiting
		g.finished, g.first, g.err = true, last-n+1, err
		c.mu.Unlock()
		close(g.done)
	}
}

// hold waits until as many visits have joined as the last batch had, for at most maxHold: clients that just got a response mostly
// come back at once, and a large batch costs hardly more than a small one. With a single client it does not wait.
func (c *counter) hold() {
	c.mu.Lock()
	select {
	case <-c.full: // left from a group that was sealed without waiting
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

// seal closes the open group to further visits and returns it, or nil if there is none, which ends commit.
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

// queued returns the number of visits that wait for a number.
func (c *counter) queued() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting
}

// close ends commit: visits that still wait get ErrClosed.
func (c *counter) close() {
	c.mu.Lock()
	c.end() // with the lock held, so that commit does not start after the wait
	c.mu.Unlock()
	c.work.Wait()
}
