// Package progress shows what is being done to a stack, on standard error: in place on a terminal, as plain lines, as JSON, or not at all.
package progress

import (
	"fmt"
	"io"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/terminal"
	"stackctl.dev/stackctl/internal/termtext"
)

// Style is how progress is shown; it is the value of the flag --progress.
type Style string

// The styles. Auto redraws on a terminal, and prints lines elsewhere.
const (
	Auto  Style = "auto"
	TTY   Style = "tty"
	Plain Style = "plain"
	JSON  Style = "json"
	Quiet Style = "quiet"
)

// Styles are all of them.
var Styles = []string{string(Auto), string(TTY), string(Plain), string(JSON), string(Quiet)}

// Renderer shows work; Close ends it and leaves the terminal as it was, Pause leaves it to a question until the next event.
type Renderer interface {
	Event(report.Event)
	Close()
	Pause()
}

// Renderer shows work on w in this style.
func (s Style) Renderer(w io.Writer) Renderer {
	switch {
	case s == TTY, s == Auto && terminal.Is(w):
		width, height := terminal.Size(w)
		return newTTY(terminal.Raw(w), width, height, terminal.Colour(w))
	case s == JSON:
		return &jsonLines{w: w}
	case s == Quiet:
		return quiet{}
	}
	return &plain{w: w}
}

// Unmoved is the style for a screen that others print on too: nothing is drawn in place.
func (s Style) Unmoved() Style {
	if s == Auto || s == TTY {
		return Plain
	}
	return s
}

// Tell prints a line for people, or an event where programs read along.
func (s Style) Tell(w io.Writer, text string) {
	switch s {
	case Quiet:
	case JSON:
		_ = terminal.JSON(w).Encode(map[string]string{"kind": "message", "detail": text})
	default:
		fmt.Fprintln(w, termtext.Safe(text))
	}
}

// quiet shows nothing.
type quiet struct{}

func (quiet) Event(report.Event) {}
func (quiet) Close()             {}
func (quiet) Pause()             {}

// Round shortens a time to what is worth reading.
func Round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

// Containers is such as "3 containers".
func Containers(n int) string {
	if n == 1 {
		return "1 container"
	}
	return fmt.Sprintf("%d containers", n)
}

// Outcome says in one line what came of a verb: that it is done, and in which time, or that nothing was to do.
func Outcome(done string, r project.Result) string {
	if !r.Changed {
		return "nothing changed: " + Containers(r.Kept) + " as described"
	}
	return done + " in " + Round(r.Took).String()
}
