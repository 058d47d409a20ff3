package server

import (
	"io"
	"sync"
	"time"
)

const (
	// logBytes are gathered before they are written: one system call, and one wake-up of who reads the log, for some thirty lines.
	logBytes = 8 << 10
	// logDelay is the longest that a line waits. A process that is killed loses at most that much of its log.
	logDelay = 50 * time.Millisecond
)

// logBuffer gathers what the logger writes, whole lines at a time.
type logBuffer struct {
	out   io.Writer
	mu    sync.Mutex
	lines []byte
	timer *time.Timer // runs while there are lines
}

func newLogBuffer(out io.Writer) *logBuffer {
	b := &logBuffer{out: out, lines: make([]byte, 0, logBytes)}
	b.mu.Lock()
	defer b.mu.Unlock() // the timer's function must not run before there is a timer
	b.timer = time.AfterFunc(logDelay, b.Flush)
	b.timer.Stop()
	return b
}

func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines)+len(line) > logBytes {
		b.flush()
	}
	if len(line) > logBytes {
		return b.out.Write(line)
	}
	if len(b.lines) == 0 {
		b.timer.Reset(logDelay)
	}
	b.lines = append(b.lines, line...)
	return len(line), nil
}

// Flush writes what there is.
func (b *logBuffer) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
}

func (b *logBuffer) flush() {
	b.timer.Stop()
	if len(b.lines) > 0 {
		_, _ = b.out.Write(b.lines) // a log that cannot be written: there is nobody to tell
		b.lines = b.lines[:0]
	}
}
