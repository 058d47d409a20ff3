package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/termtext"
)

var progressStyles = []string{"auto", "tty", "plain", "json", "quiet"}

// renderer shows work; close ends it and leaves the terminal as it was.
type renderer interface {
	event(orchestrate.Event)
	close()
}

// newRenderer chooses how progress is shown; it always goes to standard error.
func (a *app) newRenderer() (renderer, error) {
	if err := oneOf("progress", a.progress, progressStyles...); err != nil {
		return nil, err
	}
	style := a.progress
	if style == "auto" {
		style = "plain"
		if isTerminal(a.Err) {
			style = "tty"
		}
	}
	switch style {
	case "tty":
		width, height := size(a.Err)
		return newTTYRenderer(raw(a.Err), width, height, colour(a.Err)), nil
	case "json":
		return &jsonRenderer{w: a.Err}, nil
	case "quiet":
		return quietRenderer{}, nil
	}
	return &plainRenderer{w: a.Err}, nil
}

type quietRenderer struct{}

func (quietRenderer) event(orchestrate.Event) {}
func (quietRenderer) close()                  {}

// plainRenderer prints one line a change of state, for pipes and CI; steps that are skipped share one.
type plainRenderer struct {
	mu      sync.Mutex
	w       io.Writer
	skipped int
}

func (r *plainRenderer) event(e orchestrate.Event) {
	line, ok := plainLine(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Kind == orchestrate.EventSkipped && !isImageWork(e) { // of image work a warning says what happens instead
		r.skipped++
	}
	if ok {
		r.tellSkipped()
		fmt.Fprintln(r.w, line)
	}
}

func (r *plainRenderer) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tellSkipped()
}

func (r *plainRenderer) tellSkipped() {
	switch r.skipped {
	case 0:
		return
	case 1:
		fmt.Fprintln(r.w, "1 step was skipped, since a step before it failed")
	default:
		fmt.Fprintf(r.w, "%d steps were skipped, since a step before them failed\n", r.skipped)
	}
	r.skipped = 0
}

// plainLine puts an event into words; starts, skips and progress stay unsaid, except where an image or a wait takes its time.
func plainLine(e orchestrate.Event) (string, bool) {
	subject := e.Verb + " " + termtext.Safe(e.Object)
	switch e.Kind {
	case orchestrate.EventDone:
		line := fmt.Sprintf("%s: done in %s", subject, round(e.Elapsed))
		if e.Cause != "" {
			line += " (" + termtext.Safe(e.Cause) + ")"
		}
		return line, true
	case orchestrate.EventFailed:
		return subject + ": failed", true // the error itself ends the command
	case orchestrate.EventWarning:
		return fmt.Sprintf("warning: %s: %s", termtext.Safe(e.Object), termtext.Safe(e.Detail)), true
	case orchestrate.EventProgress:
		line := fmt.Sprintf("%s: %s, %s", subject, round(e.Elapsed), termtext.Safe(e.Detail))
		if e.Cause != "" {
			line += " (" + termtext.Safe(e.Cause) + ")"
		}
		return line, e.Verb == "await container"
	case orchestrate.EventStarted:
		return subject + " ...", isImageWork(e)
	}
	return "", false
}

func isImageWork(e orchestrate.Event) bool { return e.Verb == "pull image" || e.Verb == "build image" }

func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

// jsonRenderer prints one JSON object an event; docs/json.md describes it.
type jsonRenderer struct {
	mu sync.Mutex
	w  io.Writer
}

func (r *jsonRenderer) event(e orchestrate.Event) {
	out := struct {
		Kind      string  `json:"kind"`
		Verb      string  `json:"verb"`
		Object    string  `json:"object"`
		Service   string  `json:"service,omitempty"`
		Cause     string  `json:"cause,omitempty"`
		Detail    string  `json:"detail,omitempty"`
		ElapsedMS float64 `json:"elapsed_ms,omitempty"`
		Error     string  `json:"error,omitempty"`
	}{
		Kind: string(e.Kind), Verb: e.Verb, Object: e.Object, Service: e.Service, Cause: e.Cause, Detail: e.Detail,
		ElapsedMS: float64(e.Elapsed.Microseconds()) / 1000,
	}
	if e.Err != nil {
		out.Error = e.Err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = newJSON(r.w).Encode(out)
}

func (r *jsonRenderer) close() {}
