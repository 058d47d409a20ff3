package logs

import (
	"container/heap"
	"context"
	"io"
	"sync"
	"time"
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
	wake   chan struct{} // something changed that next may wait for

	mu      sync.Mutex
	heads   headHeap // queues that are not empty
	open    int      // queues not ended
	slow    map[*queue]struct{}
	quiet   int // live queues that are empty
	blocked int // pushes that wait for room
}

func newMerger(follow bool) *merger {
	return &merger{follow: follow, wake: make(chan struct{}, 1), slow: make(map[*queue]struct{})}
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

// push appends a line to its container's queue, and waits while that is full.
func (m *merger) push(ctx context.Context, q *queue, l Line) error {
	m.mu.Lock()
	for q.lines.len() >= maxQueueLines || q.lines.bytes >= maxQueueBytes {
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
		if err != nil {
			m.mu.Unlock()
			return err
		}
	}
	defer m.mu.Unlock()
	m.change(q, func() { q.lines.push(entry{line: l, arrived: time.Now()}) })
	if q.lines.len() == 1 {
		heap.Push(&m.heads, q)
		m.signal()
	}
	return nil
}

// next waits for the line whose turn it is. It returns io.EOF when all was read, which does not happen when following.
func (m *merger) next(ctx context.Context) (Line, error) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if err := ctx.Err(); err != nil {
			return Line{}, err
		}
		line, wait, err := m.try()
		if err != nil || wait == 0 {
			return line, err
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-timer.C:
		}
	}
}

// try returns the next line, or for how long to wait for a change before it is tried again.
func (m *merger) try() (line Line, wait time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.heads) == 0 {
		if m.open == 0 && !m.follow {
			return Line{}, 0, io.EOF
		}
		return Line{}, time.Hour, nil
	}
	if wait := m.holdBack(m.heads[0].lines.front()); wait > 0 {
		return Line{}, wait, nil
	}
	return m.pop(), 0, nil
}

// holdBack returns how long the oldest line must still wait for a line that may be older.
func (m *merger) holdBack(oldest *entry) time.Duration {
	if len(m.slow) > 0 {
		if !m.follow {
			return time.Hour
		}
		var longest time.Duration
		for q := range m.slow {
			longest = max(longest, patience-time.Since(q.since))
		}
		if longest > 0 {
			return longest
		}
	}
	// A reader that waits for room is a container that writes more than fits in the window: better out of order than late.
	if m.quiet > 0 && m.blocked == 0 {
		return window - time.Since(oldest.arrived)
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
