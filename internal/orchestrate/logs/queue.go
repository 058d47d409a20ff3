package logs

import (
	"container/heap"
	"strings"
	"time"
)

// entry is a line that was read ahead.
type entry struct {
	line    Line
	arrived time.Time // here, by our own clock: for the window
}

// fifo is a ring that grows as needed and lets go of its memory when it is empty.
type fifo struct {
	ring  []entry
	first int
	n     int
	bytes int // of text
}

const smallRing = 64

func (f *fifo) len() int { return f.n }

func (f *fifo) front() *entry { return &f.ring[f.first] }

func (f *fifo) push(e entry) {
	if f.n == len(f.ring) {
		ring := make([]entry, max(2*f.n, smallRing))
		copied := copy(ring, f.ring[f.first:])
		copy(ring[copied:], f.ring[:f.first])
		f.ring, f.first = ring, 0
	}
	f.ring[(f.first+f.n)%len(f.ring)] = e
	f.n++
	f.bytes += len(e.line.Text)
}

func (f *fifo) pop() entry {
	e := f.ring[f.first]
	f.ring[f.first] = entry{}
	f.first = (f.first + 1) % len(f.ring)
	f.n--
	f.bytes -= len(e.line.Text)
	if f.n == 0 && len(f.ring) > smallRing {
		f.ring, f.first = nil, 0
	}
	return e
}

// headHeap has the queue with the oldest line on top; of the same time, that of the container whose name comes first.
type headHeap []*queue

var _ heap.Interface = (*headHeap)(nil)

func (h headHeap) Len() int { return len(h) }

func (h headHeap) Less(i, j int) bool {
	a, b := h[i].lines.front(), h[j].lines.front()
	if c := a.line.Time.Compare(b.line.Time); c != 0 {
		return c < 0
	}
	return strings.Compare(h[i].from.Container, h[j].from.Container) < 0
}

func (h headHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is for package heap.
func (h *headHeap) Push(x any) { *h = append(*h, x.(*queue)) }

// Pop is for package heap.
func (h *headHeap) Pop() any {
	old := *h
	last := len(old) - 1
	q := old[last]
	old[last] = nil
	*h = old[:last]
	return q
}
