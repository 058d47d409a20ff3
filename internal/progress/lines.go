package progress

import (
	"fmt"
	"io"
	"sync"

	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/termtext"
)

// plain prints one line a change of state, for pipes and CI; steps that are skipped share one.
type plain struct {
	mu      sync.Mutex
	w       io.Writer
	skipped int
}

func (r *plain) Event(e report.Event) {
	line, ok := plainLine(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Kind == report.Skipped && !isImageWork(e) { // of image work a warning says what happens instead
		r.skipped++
	}
	if ok {
		r.tellSkipped()
		fmt.Fprintln(r.w, line)
	}
}

func (r *plain) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tellSkipped()
}

func (r *plain) Pause() {}

func (r *plain) tellSkipped() {
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
func plainLine(e report.Event) (string, bool) {
	subject := e.Verb + " " + termtext.Safe(e.Object)
	switch e.Kind {
	case report.Done:
		line := fmt.Sprintf("%s: done in %s", subject, Round(e.Elapsed))
		if e.Cause != "" {
			line += " (" + termtext.Safe(e.Cause) + ")"
		}
		return line, true
	case report.Failed:
		return subject + ": failed", true // the error itself ends the command
	case report.Warning:
		return fmt.Sprintf("warning: %s: %s", termtext.Safe(e.Object), termtext.Safe(e.Detail)), true
	case report.Message:
		return termtext.Safe(e.Detail), true
	case report.Progress:
		line := fmt.Sprintf("%s: %s, %s", subject, Round(e.Elapsed), termtext.Safe(e.Detail))
		if e.Cause != "" {
			line += " (" + termtext.Safe(e.Cause) + ")"
		}
		return line, e.Verb == "await container"
	case report.Started:
		return subject + " ...", isImageWork(e)
	}
	return "", false
}

func isImageWork(e report.Event) bool { return e.Verb == "pull image" || e.Verb == "build image" }
