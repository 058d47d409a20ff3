// Package terminal is what a command reads and writes: the process's streams, guarded against foreign control sequences, and the
// terminal that they may be: its size, its questions and its signals.
package terminal

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/charmbracelet/x/term"

	"stackctl.dev/stackctl/internal/termtext"
)

// ErrReported is the error of a command that has told already what failed, or that the user has called off.
var ErrReported = errors.New("already reported")

// Streams are what a command reads and writes: results go to Out, everything else to Err.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// System returns the streams of this process.
func System() *Streams {
	return &Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
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

// Guarded returns the streams with outputs that escape what a terminal would obey, whoever wrote it; see Raw.
func (s *Streams) Guarded() *Streams {
	return &Streams{In: s.In, Out: guarded(s.Out), Err: guarded(s.Err)}
}

// Flush passes on what the outputs hold back.
func (s *Streams) Flush() {
	for _, stream := range []io.Writer{s.Out, s.Err} {
		if g, ok := stream.(*guard); ok {
			_ = g.Flush()
		}
	}
}

// Interactive reports whether somebody types and reads on a terminal.
func (s *Streams) Interactive() bool { return Is(s.In) && Is(s.Out) }

// Raw returns a stream as the user's program or terminal gets it: for bytes that are passed through as they are (exec, run, a value of
// Redis into a pipe), and for what draws by itself, whose foreign text goes through termtext piece by piece.
func Raw(stream io.Writer) io.Writer {
	if g, ok := stream.(*guard); ok {
		return g.stream
	}
	return stream
}

// JSON writes JSON whose strings have no rune that a terminal would obey or hide: escapes stand for them.
func JSON(stream io.Writer) *json.Encoder { return json.NewEncoder(termtext.JSON(stream)) }

// underlying is a stream's file, if it has one.
func underlying(stream any) (interface{ Fd() uintptr }, bool) {
	if g, ok := stream.(*guard); ok {
		stream = g.stream
	}
	f, ok := stream.(interface{ Fd() uintptr })
	return f, ok
}

// Is reports whether a stream is a terminal.
func Is(stream any) bool {
	f, ok := underlying(stream)
	return ok && term.IsTerminal(f.Fd())
}

// Size returns a terminal's width and height in cells, 80x24 where it is none.
func Size(stream any) (width, height int) {
	if f, ok := underlying(stream); ok {
		if width, height, err := term.GetSize(f.Fd()); err == nil && width > 0 {
			return width, height
		}
	}
	return 80, 24
}

// Colour reports whether a stream may be coloured (no-color.org).
func Colour(stream any) bool {
	return Is(stream) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
