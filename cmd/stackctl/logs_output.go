package main

import (
	"bufio"
	"io"
	"strings"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

// logRow is a line of `logs --format json`; docs/json.md describes it.
type logRow struct {
	Time      time.Time `json:"time"`
	Container string    `json:"container"`
	Service   string    `json:"service"`
	Replica   int       `json:"replica"`
	Stream    string    `json:"stream"`
	Text      string    `json:"text"`
	Truncated bool      `json:"truncated,omitempty"`
}

func (p *linePrinter) printJSON(l logs.Line) error {
	row := logRow{Time: l.Time, Container: l.Container, Service: l.Service, Replica: l.Replica, Stream: "stdout", Text: strings.ToValidUTF8(string(l.Text), "\uFFFD"), Truncated: l.Truncated}
	if l.Stderr {
		row.Stream = "stderr"
	}
	return newJSON(p.out).Encode(row)
}

// buffered gathers writes, and flushes at most flushInterval after the first one that waits: 20,000 lines a second are
// some hundred writes, and a single line still shows at once.
type buffered struct {
	mu    sync.Mutex
	w     *bufio.Writer
	timer *time.Timer
	live  bool
}

const flushInterval = 10 * time.Millisecond

func newBuffered(w io.Writer, live bool) *buffered {
	return &buffered{w: bufio.NewWriterSize(w, 64<<10), live: live}
}

func (b *buffered) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live && b.timer == nil {
		b.timer = time.AfterFunc(flushInterval, func() { _ = b.Flush() }) // bufio keeps the error for the next Write
	}
	return b.w.Write(p)
}

// Flush writes what has been gathered.
func (b *buffered) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	return b.w.Flush()
}
