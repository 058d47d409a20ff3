package logs

import (
	"container/heap"
	"context"
	"io"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/retry"
)

const (
	// window is how long a live line waits for an older one of another container. The engine notices what a container wrote within
	// milliseconds; the rest is for a busy machine and the way here.
	window = 100 * time.Millisecond
	// patience is how long a container whose history does not come holds up the others, when following.
	patience = 10 * time.Second

	// What is read ahead of one container.
	maxQueueLines = 4096
	maxQueueBytes = 1 << 20
)

// state is what the merger can expect from a container.
type state uint8

const (
	parked     state = iota // nothing, until it is started
	catchingUp              // history: there is a next line, or soon an end, so the others wait for it
	live                    // lines as they are written: the others wait a little
	ended                   // nothing any more
)

// merger merges the queues of the containers by time. Readers push, one goroutine calls next.
type merger struct {
	follow bool
	window time.Duration // how long a live line waits
	wake   chan struct{} // something changed that next may wait for

	mu      sync.Mutex
	heads   headHeap // queues that are not empty
	open    int      // queues not ended
	slow    map[*queue]struct{}
	quiet   int // live queues that are empty
	blocked int // pushes that wait for room
}

func newMerger(follow bool, hold time.Duration) *merger {
	if hold <= 0 {
		hold = window
	}
	return &merger{follow: follow, window: hold, wake: make(chan struct{}, 1), slow: make(map[*queue]struct{})}
}

// queue holds what was read ahead of one container. Its fields are guarded by the merger's mutex.
type queue struct {
	from  Line // Container, Service and Replica of its lines
	lines fifo
	state state
	since time.Time     // when it became one of merger.slow
	room  chan struct{} // a push may go on
	full  bool          // a push waits for room
}

// add makes a queue, which is expected to have history.
func (m *merger) add(from Line) *queue {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := &queue{from: from, room: make(chan struct{}, 1), state: parked}
	m.open++
	m.change(q, func() { q.state = catchingUp })
	return q
}

// set changes what is expected from a queue; ended is for good.
func (m *merger) set(q *queue, s state) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if q.state == ended {
		return
	}
	m.change(q, func() { q.state = s })
	if s == ended {
		m.open--
	}
	m.signal()
}

// expect has a parked queue waited for: its reader is about to catch up.
func (m *merger) expect(q *queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if q.state == parked {
		m.change(q, func() { q.state = catchingUp })
	}
}

// push appends lines to their container's queue, and waits while that is full.
func (m *merger) push(ctx context.Context, q *queue, lines []Line) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for _, l := range lines {
		for q.lines.len() >= maxQueueLines || q.lines.bytes >= maxQueueBytes {
			if err := m.awaitRoom(ctx, q); err != nil {
				return err
			}
			now = time.Now()
		}
		m.change(q, func() { q.lines.push(entry{line: l, arrived: now}) })
		if q.lines.len() == 1 {
			heap.Push(&m.heads, q)
			m.signal()
		}
	}
	return nil
}

// awaitRoom waits, without the lock, until the queue was emptied to its half.
func (m *merger) awaitRoom(ctx context.Context, q *queue) error {
	q.full = true
	m.blocked++
	m.signal()
	m.mu.Unlock()
	err := ctx.Err()
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case <-q.room:
	}
	m.mu.Lock()
	m.blocked--
	return err
}

// maxTaken bounds how many lines are taken at once.
const maxTaken = 256

// next waits for the lines whose turn it is, and appends them to buf, at most as many as it has room for. It returns io.EOF when all was
// read, which does not happen when following. One goroutine calls it.
func (m *merger) next(ctx context.Context, buf []Line) ([]Line, error) {
	for {
		lines, wait, err := m.try(buf)
		if err != nil || wait == 0 {
			return lines, err
		}
		if err := retry.Wait(ctx, wait, m.wake); err != nil {
			return nil, err
		}
	}
}

// try appends the next lines, or returns for how long to wait for a change before it is tried again.
func (m *merger) try(buf []Line) (lines []Line, wait time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.heads) == 0 {
		if m.open == 0 && !m.follow {
			return nil, 0, io.EOF
		}
		return nil, time.Hour, nil
	}
	for now := time.Now(); len(buf) < cap(buf) && len(m.heads) > 0; buf = append(buf, m.pop()) {
		if wait = m.holdBack(m.heads[0].lines.front(), now); wait > 0 {
			break
		}
	}
	if len(buf) == 0 {
		return nil, wait, nil
	}
	return buf, 0, nil
}

// holdBack returns how long the oldest line must still wait for a line that may be older.
func (m *merger) holdBack(oldest *entry, now time.Time) time.Duration {
	if len(m.slow) > 0 {
		if !m.follow {
			return time.Hour
		}
		var longest time.Duration
		for q := range m.slow {
			longest = max(longest, patience-now.Sub(q.since))
		}
		if longest > 0 {
			return longest
		}
	}
	// A reader that waits for room is a container that writes more than fits in the window: better out of order than late.
	if m.quiet > 0 && m.blocked == 0 {
		return m.window - now.Sub(oldest.arrived)
	}
	return 0
}

// pop takes the oldest line.
func (m *merger) pop() Line {
	q := m.heads[0]
	var e entry
	m.change(q, func() { e = q.lines.pop() })
	if q.lines.len() == 0 {
		heap.Pop(&m.heads)
	} else {
		heap.Fix(&m.heads, 0)
	}
	// Half of it, so that reader and merger do not take turns at every line.
	if q.full && q.lines.len() <= maxQueueLines/2 && q.lines.bytes <= maxQueueBytes/2 {
		q.full = false
		q.room <- struct{}{}
	}
	return e.line
}

// change applies a change to a queue and keeps the counts right.
func (m *merger) change(q *queue, apply func()) {
	waited := q.lines.len() == 0 && q.state == catchingUp
	if q.lines.len() == 0 && q.state == live {
		m.quiet--
	}
	apply()
	waits := q.lines.len() == 0 && q.state == catchingUp
	if q.lines.len() == 0 && q.state == live {
		m.quiet++
	}
	if waited == waits {
		return
	}
	if waited {
		delete(m.slow, q)
		return
	}
	q.since = time.Now()
	m.slow[q] = struct{}{}
}

func (m *merger) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
