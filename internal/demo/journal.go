package demo

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

// maxLines bounds what is kept of the logs, and with it how far a reader may fall behind.
const maxLines = 2000

// journal is the log of all tiers, in the order in which they write. It keeps the last lines and tells readers of new ones.
type journal struct {
	clock func() time.Time

	mu    sync.Mutex
	lines []logs.Line // a ring: line n is at n % maxLines
	total int
	more  chan struct{} // closed with the next line
}

func newJournal(clock func() time.Time) *journal {
	return &journal{clock: clock, more: make(chan struct{})}
}

func (j *journal) add(l logs.Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l.Time = j.clock()
	if len(j.lines) < maxLines {
		j.lines = append(j.lines, l)
	} else {
		j.lines[j.total%maxLines] = l
	}
	j.total++
	close(j.more)
	j.more = make(chan struct{})
}

// after returns the lines from number n on, the number that follows them, how many are lost, and what says that there are more.
func (j *journal) after(n int) (lines []logs.Line, next, lost int, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	first := max(n, j.total-len(j.lines))
	for i := first; i < j.total; i++ {
		lines = append(lines, j.lines[i%maxLines])
	}
	return lines, j.total, first - n, j.more
}

// Logs gives emit the lines of all tiers in the order of time: the last 2,000, then those that follow, until ctx ends. Where emit is too
// slow for them, a line says how many are left out. An error of emit ends it and is returned as it is.
func (s *Stack) Logs(ctx context.Context, emit func(logs.Line) error) error {
	next, begun := 0, false
	for {
		lines, n, lost, more := s.journal.after(next)
		if lost > 0 && begun {
			text := fmt.Sprintf("%d lines came too fast for this reader and are left out", lost)
			if err := emit(logs.Line{Time: lines[0].Time, Container: Project, Service: Project, Stderr: true, Text: []byte(text)}); err != nil {
				return err
			}
		}
		for _, l := range lines {
			if err := emit(l); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		next, begun = n, true
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		}
	}
}

// output is where one container writes its log.
type output struct {
	journal *journal
	line    logs.Line // what its lines have in common
	mu      sync.Mutex
	muted   bool
}

// Write takes whole lines, as slog and the proxy write them.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.muted {
		return len(p), nil
	}
	for text := range bytes.Lines(p) {
		l := o.line
		l.Text = bytes.Clone(bytes.TrimSuffix(text, []byte{'\n'}))
		o.journal.add(l)
	}
	return len(p), nil
}

// mute silences the output, or ends the silence: a process that was killed says nothing of it.
func (o *output) mute(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.muted = on
}
