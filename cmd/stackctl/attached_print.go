package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"stackctl.dev/stackctl/internal/orchestrate/attach"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/termtext"
)

// attachedPrinter prints what containers print, standard error to standard error, each line behind the name of its replica. A pipe
// gets the bytes as they are, a terminal nothing that it would obey.
type attachedPrinter struct {
	out, err attachedStream
	width    int
}

type attachedStream struct {
	*bufio.Writer
	terminal, colour bool
}

func newAttachedPrinter(s *streams, desired *stack.Stack, services []string) *attachedPrinter {
	stream := func(w io.Writer) attachedStream {
		return attachedStream{bufio.NewWriterSize(raw(w), 64<<10), isTerminal(w), colour(w)}
	}
	p := &attachedPrinter{out: stream(s.Out), err: stream(s.Err)}
	for _, service := range services {
		if svc, ok := desired.Project.Services[service]; ok {
			p.width = max(p.width, len(replicaName(service, svc.GetScale())))
		}
	}
	return p
}

func (p *attachedPrinter) print(o attach.Output) {
	if e := o.Exit; e != nil {
		restarting := map[bool]string{true: " (restarting)"}[e.Restarting]
		fmt.Fprintf(p.out, "%s exited with code %d%s\n", termtext.Safe(replicaName(e.Service, e.Number)), e.Code, restarting)
		return
	}
	w := p.out
	if o.Stderr {
		w = p.err
	}
	prefix := fmt.Appendf(nil, "%-*s | ", p.width, termtext.Safe(replicaName(o.Service, o.Number)))
	if w.colour {
		prefix = fmt.Appendf(nil, "\x1b[%dm%s\x1b[0m", colourOf(o.Service), prefix)
	}
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

func (p *attachedPrinter) flush() { _, _ = p.out.Flush(), p.err.Flush() }
