package logpane

import (
	"bytes"
	"fmt"
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/tui/draw"
)

// What is kept in memory.
const (
	maxLines = 20_000
	maxBytes = 8 << 20 // of text
	maxText  = 8 << 10 // of one line; the rest is cut off, with a mark
)

// record is one line in memory.
type record struct {
	logs.Line
	whole int   // the bytes of the line where Text is only its beginning, else 0
	level level // notLooked until somebody asks
}

// shown is a line's text as cells can show it.
func (rec *record) shown(compact bool) string {
	if compact {
		if short, ok := inShort(rec.Text); ok {
			return draw.Safe(short)
		}
	}
	text := draw.Safe(string(rec.Text))
	switch {
	case rec.whole > 0 && rec.Truncated:
		text += fmt.Sprintf("… [cut, more than %d bytes]", rec.whole)
	case rec.whole > 0:
		text += fmt.Sprintf("… [cut, %d bytes]", rec.whole)
	}
	return text
}

// queue holds values in the order in which they came; the oldest leave first.
type queue[T any] struct {
	items []T
	head  int // those before it have left
}

func (q *queue[T]) len() int { return len(q.items) - q.head }

func (q *queue[T]) at(i int) *T { return &q.items[q.head+i] }

// push reuses the room of values that have left before it allocates more, and moves the others at most a few times each.
func (q *queue[T]) push(v T) {
	if len(q.items) == cap(q.items) && q.head > len(q.items)/4 {
		left := copy(q.items, q.items[q.head:])
		clear(q.items[left:])
		q.items, q.head = q.items[:left], 0
	}
	q.items = append(q.items, v)
}

func (q *queue[T]) pop() {
	var none T
	q.items[q.head] = none
	q.head++
}

// ring holds the last lines. Each has a sequence number for good, from 0; those of [oldest, next) are in memory.
type ring struct {
	lines        queue[record]
	oldest, next uint64
	bytes        int
}

func (r *ring) len() int { return r.lines.len() }

func (r *ring) at(seq uint64) *record { return r.lines.at(int(seq - r.oldest)) }

// push adds a line and returns it; older ones may fall out for it.
func (r *ring) push(l logs.Line) *record {
	whole := 0
	if len(l.Text) > maxText {
		// A copy: the beginning must not keep the rest in memory.
		whole, l.Text = len(l.Text), bytes.Clone(l.Text[:maxText])
	}
	for r.len() > 0 && (r.len() == maxLines || r.bytes+len(l.Text) > maxBytes) {
		r.bytes -= len(r.lines.at(0).Text)
		r.lines.pop()
		r.oldest++
	}
	r.lines.push(record{Line: l, whole: whole})
	r.bytes += len(l.Text)
	r.next++
	return r.at(r.next - 1)
}

// levelOf looks at a line once.
func (r *ring) levelOf(rec *record) level {
	if rec.level == notLooked {
		rec.level = levelOf(rec.Text)
	}
	return rec.level
}

// index holds the numbers of the lines that pass the filter, in order.
type index struct{ seqs queue[uint64] }

func (x *index) len() int { return x.seqs.len() }

func (x *index) at(i int) uint64 { return *x.seqs.at(i) }

func (x *index) last() uint64 { return x.at(x.len() - 1) }

// dropBelow forgets the lines before oldest, and returns how many of them are from seen on.
func (x *index) dropBelow(oldest, seen uint64) (unseen int) {
	for x.len() > 0 && x.at(0) < oldest {
		if x.at(0) >= seen {
			unseen++
		}
		x.seqs.pop()
	}
	return unseen
}

// search returns the position of the first line from seq on, which may be the length.
func (x *index) search(seq uint64) int {
	i, _ := slices.BinarySearch(x.seqs.items[x.seqs.head:], seq)
	return i
}
