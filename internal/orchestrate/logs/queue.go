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

// fifo holds entries from the oldest on. It lets go of its memory when it is empty.
type fifo struct {
	entries []entry
	head    int // those before it are taken
	bytes   int // of text
}

func (f *fifo) len() int { return len(f.entries) - f.head }

func (f *fifo) front() *entry { return &f.entries[f.head] }

func (f *fifo) push(e entry) {
	if len(f.entries) == cap(f.entries) && f.head > len(f.entries)/2 {
		f.entries, f.head = append(f.entries[:0], f.entries[f.head:]...), 0
	}
	f.entries = append(f.entries, e)
	f.bytes += len(e.line.Text)
}

func (f *fifo) pop() entry {
	e := f.entries[f.head]
	f.entries[f.head] = entry{}
	f.head++
	f.bytes -= len(e.line.Text)
	if f.len() == 0 {
		f.entries, f.head = f.entries[:0], 0
		if cap(f.entries) > smallQueue {
			f.entries = nil
		}
	}
	return e
}

// smallQueue is how many entries an empty queue keeps room for.
const smallQueue = 64

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
