package modal

import (
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// Progress is one event of a job's work.
type Progress struct{ Event orchestrate.Event }

// Done ends a job: Result is one line for people.
type Done struct {
	Result string
	Err    error
}

// maxSteps bounds the rows of a job; older ones that are done go first.
const maxSteps = 400

type step struct {
	event orchestrate.Event
}

// Job shows the progress of work that changes the stack: closing it does not end the work.
type Job struct {
	keys   keys.Map
	title  string
	cancel func()
	clock  func() time.Time
	begun  time.Time
	steps  []step
	done   *Done
	scroll scroller
}

var _ Modal = (*Job)(nil)

// NewJob makes a job; cancel interrupts its work.
func NewJob(k keys.Map, title string, clock func() time.Time, cancel func()) *Job {
	return &Job{keys: k, title: title, cancel: cancel, clock: clock, begun: clock()}
}

// Running reports whether the work has not ended yet.
func (j *Job) Running() bool { return j.done == nil }

// Update takes the job's events. While it runs esc hides it and ctrl+c interrupts it; after its end any of the usual keys closes it.
func (j *Job) Update(msg tea.Msg) (tea.Cmd, bool) {
	switch msg := msg.(type) {
	case Progress:
		j.take(msg.Event)
	case Done:
		j.done = &msg
	case tea.KeyPressMsg:
		if j.Running() && keys.Matches(msg, j.keys.Global.Interrupt) {
			j.cancel()
			return nil, false
		}
		if keys.Matches(msg, j.keys.Global.Back, j.keys.Global.Quit, j.keys.Prompt.Accept) {
			return nil, true
		}
		j.scroll.key(msg, j.keys.Logs)
	case tea.MouseWheelMsg:
		j.scroll.key(msg, j.keys.Logs)
	}
	return nil, false
}

func (j *Job) take(e orchestrate.Event) {
	for i := range j.steps {
		if s := &j.steps[i]; s.event.Verb == e.Verb && s.event.Object == e.Object && e.Kind != orchestrate.EventWarning {
			s.event = e
			return
		}
	}
	if len(j.steps) == maxSteps {
		j.steps = append(j.steps[:0], j.steps[1:]...)
	}
	j.steps = append(j.steps, step{e})
}

// Hints are its keys.
func (j *Job) Hints() []key.Binding {
	if j.Running() {
		return []key.Binding{key.NewBinding(key.WithKeys("esc"), key.WithHelp("esc", "hide")), key.NewBinding(key.WithKeys("ctrl+c"), key.WithHelp("ctrl+c", "interrupt"))}
	}
	return []key.Binding{key.NewBinding(key.WithKeys("esc"), key.WithHelp("esc", "close"))}
}

// View draws it.
func (j *Job) View(t *theme.Theme, width, height int) string {
	width = min(width, 100)
	var lines []string
	for _, s := range j.steps {
		lines = append(lines, j.row(t, s.event, width-3))
	}
	switch {
	case j.done == nil:
		lines = append(lines, "", t.Muted.Render(" working for "+draw.Age(j.clock().Sub(j.begun))))
	case j.done.Err != nil:
		lines = append(lines, "")
		for _, line := range draw.Wrap(draw.Plain(termtext.Safe(j.done.Err.Error())), width-6) {
			lines = append(lines, " "+t.Bad.Render("✖ "+line))
		}
	default:
		lines = append(lines, "", " "+t.Good.Render("✔ "+draw.Plain(termtext.Safe(j.done.Result))))
	}
	if j.Running() || j.scroll.page == 0 {
		j.scroll.offset = len(lines) // the end is what is of interest
	}
	return box(t, &j.scroll, j.title, lines, width, height)
}

func (j *Job) row(t *theme.Theme, e orchestrate.Event, width int) string {
	sign, style, detail := "…", t.Warn, termtext.Safe(e.Detail)
	switch e.Kind {
	case orchestrate.EventDone:
		sign, style, detail = "✔", t.Good, termtext.Safe(e.Cause)
	case orchestrate.EventFailed:
		sign, style = "✖", t.Bad
		if e.Err != nil {
			detail = termtext.Safe(e.Err.Error())
		}
	case orchestrate.EventSkipped:
		sign, style, detail = "-", t.Muted, "skipped: a step before it failed"
	case orchestrate.EventWarning:
		sign = "!"
	}
	took := ""
	if e.Elapsed > 0 {
		took = draw.Right(e.Elapsed.Round(time.Millisecond).String(), 8)
	}
	return draw.Cut(" "+style.Render(sign)+" "+t.Text.Render(draw.Left(e.Verb+" "+draw.Plain(termtext.Safe(e.Object)), 44))+" "+t.Text.Render(draw.Left(took, 9))+t.Muted.Render(draw.Plain(detail)), width)
}
