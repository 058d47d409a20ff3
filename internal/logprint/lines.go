// Package logprint prints what containers print: the lines of their logs, and the output of those that `up` stays attached to.
package logprint

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

// Options say which lines are printed, and how.
type Options struct {
	Pattern    *regexp.Regexp // only lines that match
	Index      int            // only this replica of each service; 0 is all
	JSON       bool           // one Row a line; the options below are for text
	Colour     bool
	Timestamps bool
	NoPrefix   bool // without the names of the containers
	Width      int  // of the longest name
}

// Lines prints the lines of logs.
type Lines struct {
	Options
	out  *buffered
	line []byte
}

// NewLines prints to a stream; live lines are not held back.
func NewLines(out io.Writer, live bool, o Options) *Lines {
	return &Lines{Options: o, out: &buffered{w: bufio.NewWriterSize(out, 64<<10), live: live}}
}

// Flush writes what has been gathered.
func (p *Lines) Flush() error { return p.out.Flush() }

// Print prints a line, if the options ask for it.
func (p *Lines) Print(l logs.Line) error {
	if !p.Pattern.Match(l.Text) || p.Index != 0 && l.Replica != p.Index {
		return nil
	}
	if p.JSON {
		return p.printJSON(l)
	}
	p.line = p.line[:0]
	if !p.NoPrefix {
		p.Width = max(p.Width, len(ReplicaName(l.Service, l.Replica)))
		p.line = appendPrefix(p.line, l.Service, l.Replica, p.Width, map[bool]byte{false: '|', true: '!'}[l.Stderr], p.Colour)
	}
	if p.Timestamps {
		p.line = append(l.Time.AppendFormat(p.line, "2006-01-02T15:04:05.000000Z07:00"), ' ')
	}
	p.line = termtext.AppendSafe(p.line, l.Text)
	if l.Truncated {
		p.line = append(p.line, " [cut]"...)
	}
	_, err := p.out.Write(append(p.line, '\n'))
	return err
}

// Row is a line of `logs --format json`; docs/json.md describes it.
type Row struct {
	Time      time.Time `json:"time"`
	Container string    `json:"container"`
	Service   string    `json:"service"`
	Replica   int       `json:"replica"`
	Stream    string    `json:"stream"`
	Text      string    `json:"text"`
	Truncated bool      `json:"truncated,omitempty"`
}

func (p *Lines) printJSON(l logs.Line) error {
	row := Row{
		Time: l.Time, Container: l.Container, Service: l.Service, Replica: l.Replica, Stream: "stdout",
		Text: strings.ToValidUTF8(string(l.Text), "\uFFFD"), Truncated: l.Truncated,
	}
	if l.Stderr {
		row.Stream = "stderr"
	}
	return terminal.JSON(p.out).Encode(row)
}

// ReplicaName is how a replica is called before its lines.
func ReplicaName(service string, number int) string { return fmt.Sprintf("%s-%d", service, number) }

// appendPrefix appends the name of a replica, as wide as the longest, and a mark, in the colour of its service.
func appendPrefix(line []byte, service string, number, width int, mark byte, colour bool) []byte {
	prefix := fmt.Sprintf("%-*s %c ", width, termtext.Safe(ReplicaName(service, number)), mark)
	if colour {
		return fmt.Appendf(line, "\x1b[%dm%s\x1b[0m", colourOf(service), prefix)
	}
	return append(line, prefix...)
}

// palette holds the colours of services' names; both light and dark terminals show them.
var palette = []int{36, 33, 32, 35, 34, 96, 93, 92, 95, 94}

func colourOf(service string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(service))
	return palette[h.Sum32()%uint32(len(palette))]
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
