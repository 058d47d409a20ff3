package main

import (
	"io"
	"os"

	"github.com/charmbracelet/x/term"
)

// streams are what a command reads and writes: results go to Out, everything else to Err.
type streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

func systemStreams() *streams {
	return &streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(f.Fd())
}

// size returns a terminal's width and height, 80x24 where it is none.
func size(stream any) (width, height int) {
	if f, ok := stream.(interface{ Fd() uintptr }); ok {
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
