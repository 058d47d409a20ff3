package modal

import (
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// Progress is one event of a job's work.
type Progress struct{ Event report.Event }

// Done ends a job: Result is one line for the user.
type Done struct {
	Result string
	Err    error
}

// maxSteps bounds the rows of a job; the oldest go first.
const maxSteps = 400

// Job shows the progress of work that changes the stack: closing it does not end the work.
type Job struct {
	keys   keys.Map
	title  string
	cancel func()
	clock  func() time.Time
	begun  time.Time
	steps  []report.Event
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

// Step reports whether events of a kind belong to a step, which shows its last one. All other kinds, unknown ones too, are messages of
// their own.
func Step(k report.Kind) bool {
	switch k {
	case report.Started, report.Progress, report.Done, report.Failed, report.Skipped:
		return true
	}
	return false
}

func (j *Job) take(e report.Event) {
	if Step(e.Kind) {
		for i := range j.steps {
			if s := &j.steps[i]; s.Verb == e.Verb && s.Object == e.Object && Step(s.Kind) {
				*s = e
				return
			}
		}
	}
	if len(j.steps) == maxSteps {
		j.steps = append(j.steps[:0], j.steps[1:]...)
	}
	j.steps = append(j.steps, e)
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
		lines = append(lines, rowsOf(t, s, width-3)...)
	}
	switch {
	case j.done == nil:
		lines = append(lines, "", t.Muted.Render(" running for "+draw.Age(j.clock().Sub(j.begun))))
	case j.done.Err != nil:
		lines = append(lines, "")
		for _, line := range draw.Wrap(draw.Safe(j.done.Err.Error()), width-6) {
			lines = append(lines, " "+t.Bad.Render("✖ "+line))
		}
	default:
		lines = append(lines, "", " "+t.Good.Render("✔ "+draw.Safe(j.done.Result)))
	}
	if j.Running() || j.scroll.page == 0 {
		j.scroll.offset = len(lines) // show the end
	}
	return box(t, &j.scroll, j.title, lines, width, height)
}

// rowsOf draws an event: one row for a step, as many as needed for a message.
func rowsOf(t *theme.Theme, e report.Event, width int) []string {
	sign, style, detail := " ", t.Text, draw.Safe(e.Detail)
	switch e.Kind {
	case report.Started, report.Progress:
		sign, style = "…", t.Warn
	case report.Done:
		sign, style, detail = "✔", t.Good, draw.Safe(e.Cause)
	case report.Failed:
		sign, style = "✖", t.Bad
		if e.Err != nil {
			detail = draw.Safe(e.Err.Error())
		}
	case report.Skipped:
		sign, style, detail = "-", t.Muted, "skipped: an earlier step failed"
	case report.Warning:
		sign, style = "!", t.Warn
	}
	if e.Verb == "" && e.Object == "" {
		var rows []string
		for _, row := range draw.Wrap(detail, max(width-3, 1)) {
			rows = append(rows, draw.Cut(" "+style.Render(sign)+" "+t.Text.Render(row), width))
			sign = " "
		}
		return rows
	}
	took := ""
	if e.Elapsed > 0 {
		took = draw.Right(e.Elapsed.Round(time.Millisecond).String(), 8)
	}
	name := draw.Left(e.Verb+" "+draw.Safe(e.Object), 44)
	return []string{draw.Cut(" "+style.Render(sign)+" "+t.Text.Render(name)+" "+t.Text.Render(draw.Left(took, 9))+t.Muted.Render(detail), width)}
}
