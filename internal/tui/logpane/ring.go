package logpane

import (
	"bytes"
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

// What is kept in memory.
const (
	maxLines = 20_000
	maxBytes = 8 << 20 // of text
	maxText  = 8 << 10 // of one line; the rest is cut off, with a mark

	smallRing = 256
)

// record is one line in memory.
type record struct {
	logs.Line
	whole int   // the bytes of the line where Text is only its beginning, else 0
	level level // notLooked until somebody asks
}

// ring holds the last lines. Each has a sequence number for good, from 0; those of [oldest, next) are in memory.
type ring struct {
	slots        []record // a line's slot is its number modulo their count
	oldest, next uint64
	bytes        int
}

func (r *ring) len() int { return int(r.next - r.oldest) }

func (r *ring) at(seq uint64) *record { return &r.slots[seq%uint64(len(r.slots))] }

// push adds a line and returns it; older ones may fall out for it.
func (r *ring) push(l logs.Line) *record {
	whole := 0
	if len(l.Text) > maxText {
		// A copy: the beginning must not keep the rest in memory.
		whole, l.Text = len(l.Text), bytes.Clone(l.Text[:maxText])
	}
	for r.len() > 0 && (r.len() == maxLines || r.bytes+len(l.Text) > maxBytes) {
		r.drop()
	}
	if r.len() == len(r.slots) {
		r.grow()
	}
	rec := r.at(r.next)
	*rec = record{Line: l, whole: whole}
	r.next++
	r.bytes += len(l.Text)
	return rec
}

func (r *ring) drop() {
	rec := r.at(r.oldest)
	r.bytes -= len(rec.Text)
	*rec = record{}
	r.oldest++
}

func (r *ring) grow() {
	size := min(max(2*len(r.slots), smallRing), maxLines)
	grown := make([]record, size)
	for seq := r.oldest; seq < r.next; seq++ {
		grown[seq%uint64(size)] = *r.at(seq)
	}
	r.slots = grown
}

// levelOf looks at a line once.
func (r *ring) levelOf(rec *record) level {
	if rec.level == notLooked {
		rec.level = levelOf(rec.Text)
	}
	return rec.level
}

// index holds the numbers of the lines that pass the filter, in order.
type index struct {
	seqs []uint64
	head int // those before it have fallen out
}

func (x *index) len() int { return len(x.seqs) - x.head }

func (x *index) at(i int) uint64 { return x.seqs[x.head+i] }

func (x *index) push(seq uint64) { x.seqs = append(x.seqs, seq) }

func (x *index) reset() { x.seqs, x.head = x.seqs[:0], 0 }

// dropBelow forgets the lines before oldest, and returns how many of them are from seen on.
func (x *index) dropBelow(oldest, seen uint64) (unseen int) {
	for x.len() > 0 && x.at(0) < oldest {
		if x.at(0) >= seen {
			unseen++
		}
		x.head++
	}
	if x.head > maxLines {
		x.seqs = x.seqs[:copy(x.seqs, x.seqs[x.head:])]
		x.head = 0
	}
	return unseen
}

// search returns the position of the first line from seq on, which may be the length.
func (x *index) search(seq uint64) int {
	i, _ := slices.BinarySearch(x.seqs[x.head:], seq)
	return i
}
