package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/termtext"
)

// tty redraws a line an object in place, never more lines than the terminal has.
type tty struct {
	mu            sync.Mutex
	w             io.Writer
	width, height int
	colour        bool
	rows          []*row
	drawn         int // lines on the screen that the next frame replaces
	begin         time.Time
	paused        bool
	stop, stopped chan struct{}
}

type row struct {
	object string
	event  report.Event
	since  time.Time
}

// frameInterval keeps the spinner moving; the rest is drawn as it happens.
const frameInterval = 100 * time.Millisecond

func newTTY(w io.Writer, width, height int, colour bool) *tty {
	r := &tty{w: w, width: width, height: height, colour: colour, begin: time.Now(), stop: make(chan struct{}), stopped: make(chan struct{})}
	go r.spin()
	return r
}

func (r *tty) spin() {
	defer close(r.stopped)
	ticker := time.NewTicker(frameInterval)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-ticker.C:
			r.mu.Lock()
			r.draw(false)
			r.mu.Unlock()
		}
	}
}

func (r *tty) Event(e report.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused = false
	switch e.Kind {
	case report.Warning:
		r.erase()
		fmt.Fprintf(r.w, "%s %s: %s\r\n", r.paint(33, "!"), termtext.Safe(e.Object), termtext.Safe(e.Detail))
	case report.Message:
		r.erase()
		fmt.Fprintf(r.w, "%s\r\n", termtext.Safe(e.Detail))
	default:
		row := r.rowOf(e.Object)
		if e.Kind == report.Started {
			row.since = time.Now()
		}
		row.event = e
	}
	r.draw(false)
}

func (r *tty) rowOf(object string) *row {
	object, _, _ = strings.Cut(object, ":/") // the files of a container belong to its row
	for _, row := range r.rows {
		if row.object == object {
			return row
		}
	}
	added := &row{object: object, since: time.Now()}
	r.rows = append(r.rows, added)
	return added
}

// Pause leaves the rows that are drawn standing.
func (r *tty) Pause() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draw(false)
	r.drawn, r.paused = 0, true
}

// Close draws the last frame, this time with every row, and leaves it standing.
func (r *tty) Close() {
	close(r.stop)
	<-r.stopped
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draw(true)
}

func (r *tty) erase() {
	if r.drawn > 0 {
		fmt.Fprint(r.w, ansi.CursorUp(r.drawn))
	}
	fmt.Fprint(r.w, "\r"+ansi.EraseScreenBelow)
	r.drawn = 0
}

func (r *tty) draw(all bool) {
	if r.paused {
		return
	}
	r.erase()
	rows, hidden := r.rows, 0
	if limit := max(1, r.height-2); !all && len(rows) > limit {
		rows, hidden = unfinishedFirst(rows)[:limit], len(rows)-limit
	}
	for _, row := range rows {
		fmt.Fprint(r.w, ansi.Truncate(r.line(row), r.width-1, "…")+"\r\n")
	}
	r.drawn = len(rows)
	if hidden > 0 {
		fmt.Fprintf(r.w, "  +%d more\r\n", hidden)
		r.drawn++
	}
}

func unfinishedFirst(rows []*row) []*row {
	var first, rest []*row
	for _, row := range rows {
		if row.event.Kind == report.Started || row.event.Kind == report.Progress {
			first = append(first, row)
		} else {
			rest = append(rest, row)
		}
	}
	return append(first, rest...)
}

// line shows one object: a sign and a word say what a colour only underlines.
func (r *tty) line(row *row) string {
	e := row.event
	verb, noun, _ := strings.Cut(e.Verb, " ")
	object := noun + " " + termtext.Safe(row.object)
	detail := termtext.Safe(e.Detail)
	if detail == "" {
		detail = termtext.Safe(e.Cause)
	}
	switch e.Kind {
	case report.Done:
		return fmt.Sprintf("%s %-44s %-10s %6s  %s", r.paint(32, "✔"), object, past(verb), Round(e.Elapsed), detail)
	case report.Failed:
		return fmt.Sprintf("%s %-44s %-10s", r.paint(31, "✘"), object, "failed")
	case report.Skipped:
		return fmt.Sprintf("%s %-44s %-10s", r.paint(33, "-"), object, "skipped")
	}
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	spinner := string(frames[int(time.Since(r.begin)/frameInterval)%len(frames)])
	return fmt.Sprintf("%s %-44s %-10s %6s  %s", r.paint(36, spinner), object, steps.Gerund(verb), time.Since(row.since).Round(100*time.Millisecond), detail)
}

func (r *tty) paint(code int, text string) string {
	if !r.colour {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", code, text)
}

// past turns "create" into "created" and "stop" into "stopped".
func past(verb string) string {
	switch {
	case verb == "build":
		return "built"
	case verb == "write":
		return "written"
	case verb == "keep":
		return "kept"
	case verb == "stop", verb == "drop":
		return verb + "ped"
	case strings.HasSuffix(verb, "e"):
		return verb + "d"
	}
	return verb + "ed"
}
