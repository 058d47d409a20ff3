package main

import (
	"encoding/json"
	"io"
	"os"

	"github.com/charmbracelet/x/term"

	"stackctl.dev/stackctl/internal/termtext"
)

// streams are what a command reads and writes: results go to Out, everything else to Err. Both escape what a terminal would obey,
// whoever wrote it; see raw.
type streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

func systemStreams() *streams {
	return &streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
}

// guard is a stream to which no control sequence gets. What it guards is a terminal, or none, as before.
type guard struct {
	*termtext.Writer
	stream io.Writer
}

func guarded(stream io.Writer) io.Writer {
	if _, done := stream.(*guard); done {
		return stream
	}
	return &guard{termtext.NewWriter(stream), stream}
}

// guarded makes both outputs safe.
func (s *streams) guarded() *streams {
	return &streams{In: s.In, Out: guarded(s.Out), Err: guarded(s.Err)}
}

// flush passes on what the outputs hold back.
func (s *streams) flush() {
	for _, stream := range []io.Writer{s.Out, s.Err} {
		if g, ok := stream.(*guard); ok {
			_ = g.Flush()
		}
	}
}

// raw is a stream as the user's program or terminal gets it: for bytes that are passed through as they are (exec, run, a value of
// Redis into a pipe), and for what draws by itself, whose foreign text goes through termtext piece by piece.
func raw(stream io.Writer) io.Writer {
	if g, ok := stream.(*guard); ok {
		return g.stream
	}
	return stream
}

// newJSON writes JSON whose strings have no rune that a terminal would obey or hide: escapes stand for them.
func newJSON(stream io.Writer) *json.Encoder { return json.NewEncoder(termtext.JSON(stream)) }

// underlying is a stream's file, if it has one.
func underlying(stream any) (interface{ Fd() uintptr }, bool) {
	if g, ok := stream.(*guard); ok {
		stream = g.stream
	}
	f, ok := stream.(interface{ Fd() uintptr })
	return f, ok
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := underlying(stream)
	return ok && term.IsTerminal(f.Fd())
}

// size returns a terminal's width and height, 80x24 where it is none.
func size(stream any) (width, height int) {
	if f, ok := underlying(stream); ok {
		if width, height, err := term.GetSize(f.Fd()); err == nil && width > 0 {
			return width, height
		}
	}
	return 80, 24
}

// colour reports whether a stream may be coloured (no-color.org).
func colour(stream any) bool {
	return isTerminal(stream) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
