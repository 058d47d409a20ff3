package logprint

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"stackctl.dev/stackctl/internal/orchestrate/attach"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

// Attached prints what containers print, standard error to standard error, each line behind the name of its replica. A pipe gets the
// bytes as they are, a terminal nothing that it would obey.
type Attached struct {
	out, err stream
	width    int
}

type stream struct {
	*bufio.Writer
	terminal, colour bool
}

// NewAttached prints to the streams; width is that of the longest name.
func NewAttached(s *terminal.Streams, width int) *Attached {
	to := func(w io.Writer) stream {
		return stream{bufio.NewWriterSize(terminal.Raw(w), 64<<10), terminal.Is(w), terminal.Colour(w)}
	}
	return &Attached{out: to(s.Out), err: to(s.Err), width: width}
}

// Print prints some lines, or that a container has ended.
func (p *Attached) Print(o attach.Output) {
	if e := o.Exit; e != nil {
		restarting := map[bool]string{true: " (restarting)"}[e.Restarting]
		fmt.Fprintf(p.out, "%s exited with code %d%s\n", termtext.Safe(ReplicaName(e.Service, e.Number)), e.Code, restarting)
		return
	}
	w := p.out
	if o.Stderr {
		w = p.err
	}
	prefix := appendPrefix(nil, o.Service, o.Number, p.width, '|', w.colour)
	var safe []byte
	for line := range bytes.Lines(o.Lines) {
		if w.terminal {
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
			safe = append(termtext.AppendSafe(safe[:0], line), '\n')
			line = safe
		}
		if w.Available() < len(prefix)+len(line) { // whole lines: progress may be written between two writes
			_ = w.Flush()
		}
		_, _ = w.Write(prefix)
		_, _ = w.Write(line)
	}
	if o.Stderr { // messages of our own go there, too
		_ = w.Flush()
	}
}

// Flush writes what has been gathered.
func (p *Attached) Flush() { _, _ = p.out.Flush(), p.err.Flush() }
