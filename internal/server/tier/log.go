package tier

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// MaxLogged bounds a client's text in a log line, in bytes.
	MaxLogged = 256

	// bufferBytes is the buffer's size: about thirty lines cost one system call and wake the log's reader once.
	bufferBytes = 8 << 10
	// bufferDelay is how long a line waits at most. A process that is killed loses at most the lines of that time.
	bufferDelay = 50 * time.Millisecond
)

// LogBuffer buffers a logger's output and writes whole lines, many at a time. Flush it before the process ends.
type LogBuffer struct {
	out   io.Writer
	mu    sync.Mutex
	lines []byte
	timer *time.Timer // runs while there are lines
}

// NewLogBuffer returns a LogBuffer that writes to out.
func NewLogBuffer(out io.Writer) *LogBuffer {
	b := &LogBuffer{out: out, lines: make([]byte, 0, bufferBytes)}
	b.mu.Lock()
	defer b.mu.Unlock() // the timer's function must not run before b.timer is set
	b.timer = time.AfterFunc(bufferDelay, b.Flush)
	b.timer.Stop()
	return b
}

// Write buffers a line.
func (b *LogBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines)+len(line) > bufferBytes {
		b.flush()
	}
	if len(line) > bufferBytes {
		return b.out.Write(line)
	}
	if len(b.lines) == 0 {
		b.timer.Reset(bufferDelay)
	}
	b.lines = append(b.lines, line...)
	return len(line), nil
}

// Flush writes the buffered lines.
func (b *LogBuffer) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
}

func (b *LogBuffer) flush() {
	b.timer.Stop()
	if len(b.lines) > 0 {
		_, _ = b.out.Write(b.lines) // an error of the log could only be logged
		b.lines = b.lines[:0]
	}
}

// NewLogger returns a logger of JSON lines.
func NewLogger(out io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level}))
}

// Milliseconds is a duration as a log line has it: in milliseconds, to the microsecond.
func Milliseconds(key string, d time.Duration) slog.Attr {
	return slog.Float64(key, float64(d.Microseconds())/1000)
}

// Clip bounds a client's text in a log line.
func Clip(s string) string {
	if len(s) <= MaxLogged {
		return s
	}
	return strings.ToValidUTF8(s[:MaxLogged], "") + "…"
}
