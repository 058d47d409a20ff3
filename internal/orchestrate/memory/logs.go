package memory

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// maxLines is how many lines of a container are kept at most; then the older half goes.
const maxLines = 4000

// journal is the log of one container.
type journal struct {
	mu    sync.Mutex
	lines []line
	first int           // number of the first line that is kept
	open  bool          // its program runs: who follows waits
	more  chan struct{} // closed with the next change
}

type line struct {
	at     time.Time
	stream stdcopy.StdType
	text   string
}

func newJournal() *journal { return &journal{more: make(chan struct{})} }

// change changes the journal, and wakes those who follow it.
func (j *journal) change(do func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	do()
	close(j.more)
	j.more = make(chan struct{})
}

func (j *journal) add(lines ...line) {
	j.change(func() {
		j.lines = append(j.lines, lines...)
		if len(j.lines) > maxLines {
			old := len(j.lines) - maxLines/2
			j.lines, j.first = slices.Clone(j.lines[old:]), j.first+old
		}
	})
}

func (j *journal) setOpen(open bool) { j.change(func() { j.open = open }) }

func (j *journal) isOpen() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.open
}

// after returns the lines from number n on, the number that follows them, and what says that there are more, nil at the end.
func (j *journal) after(n int) (lines []line, next int, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	next = j.first + len(j.lines)
	lines = append(lines, j.lines[max(n-j.first, 0):]...)
	if j.open {
		more = j.more
	}
	return lines, next, more
}

// output is one of a program's two streams. It takes whole lines.
type output struct {
	journal *journal
	stream  stdcopy.StdType
}

// Write adds lines to the container's log, unless its program has ended.
func (o output) Write(p []byte) (int, error) {
	if !o.journal.isOpen() {
		return len(p), nil
	}
	var lines []line
	now := time.Now()
	for text := range bytes.Lines(p) {
		lines = append(lines, line{now, o.stream, string(bytes.TrimSuffix(text, []byte{'\n'}))})
	}
	o.journal.add(lines...)
	return len(p), nil
}

// reading is one call of ContainerLogs.
type reading struct {
	container.LogsOptions
	since, until time.Time
}

func newReading(o container.LogsOptions) (reading, error) {
	if !o.ShowStdout && !o.ShowStderr {
		return reading{}, invalid("you must choose at least one stream")
	}
	return reading{o, logTime(o.Since), logTime(o.Until)}, nil
}

// logTime reads seconds with a fraction; the zero time is no bound.
func logTime(text string) time.Time {
	seconds, fraction, _ := strings.Cut(text, ".")
	s, _ := strconv.ParseInt(seconds, 10, 64)
	ns, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if s == 0 && ns == 0 {
		return time.Time{}
	}
	return time.Unix(s, ns)
}

// encode frames the lines that are wanted, as the engine does for a container without a terminal.
func (r reading) encode(lines []line) []byte {
	var all []byte
	for _, l := range lines {
		wanted := l.stream == stdcopy.Stdout && r.ShowStdout || l.stream == stdcopy.Stderr && r.ShowStderr
		if !wanted || l.at.Before(r.since) || !r.until.IsZero() && l.at.After(r.until) {
			continue
		}
		text := l.text + "\n"
		if r.Timestamps {
			text = l.at.UTC().Format("2006-01-02T15:04:05.000000000Z07:00") + " " + text
		}
		all = binary.BigEndian.AppendUint32(append(all, byte(l.stream), 0, 0, 0), uint32(len(text)))
		all = append(all, text...)
	}
	return all
}

// first is the number of the line to begin with.
func (r reading) first(j *journal) int {
	_, next, _ := j.after(0)
	if n, err := strconv.Atoi(r.Tail); err == nil && n >= 0 {
		return next - n
	}
	return 0
}

// ContainerLogs reads what a container has printed, and, where it is followed, what it prints until its program ends.
func (e *Engine) ContainerLogs(ctx context.Context, ref string, o container.LogsOptions) (io.ReadCloser, error) {
	var j *journal
	broken := e.connection()
	err := e.with(ctx, "ContainerLogs", ref, func(c *box) error { j = c.journal; return nil })
	if err != nil {
		return nil, err
	}
	r, err := newReading(o)
	if err != nil {
		return nil, err
	}
	if !o.Follow {
		lines, _, _ := j.after(r.first(j))
		return io.NopCloser(bytes.NewReader(r.encode(lines))), nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(broken, func() { cancel(context.Cause(broken)) })
	body, w := io.Pipe()
	go func() { // ends with the program, the call, or the connection
		defer stop()
		w.CloseWithError(r.follow(ctx, j, w))
	}()
	return followed{body, func() { cancel(nil) }}, nil
}

func (r reading) follow(ctx context.Context, j *journal, w *io.PipeWriter) error {
	defer context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })() // it may wait for who reads
	for next := r.first(j); ; {
		lines, n, more := j.after(next)
		next = n
		if _, err := w.Write(r.encode(lines)); err != nil {
			return err
		}
		if more == nil {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

type followed struct {
	*io.PipeReader
	cancel func()
}

// Close ends the stream.
func (f followed) Close() error {
	f.cancel()
	return f.PipeReader.Close()
}

// SetLogs sets the container's log lines.
func (e *Engine) SetLogs(name string, lines ...string) {
	e.must(name, func(c *box) {
		c.journal.change(func() { c.journal.lines = nil })
		for _, text := range lines {
			c.journal.add(line{c.created, stdcopy.Stdout, text})
		}
	})
}
