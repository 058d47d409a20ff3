package tui

import (
	"context"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
)

const (
	// onceLimit bounds the wait for all sources; a frame of what is known then is still a frame.
	onceLimit = 6 * time.Second
	// quietFor is how long nothing new must come before the frame is taken. A busy stack is never quiet: there it is taken busyFor
	// after all is known.
	quietFor = 300 * time.Millisecond
	busyFor  = time.Second
)

// Once builds the dashboard at a size without a terminal, waits until its sources have answered, and returns its frame, with the
// styles in it, and what it shows as data.
func Once(parent context.Context, src Sources, o Options, width, height int) (frame string, data Snapshot, err error) {
	s := newShow(parent, src, o)
	defer s.close()
	program := tea.NewProgram(&awaiting{Model: s.model}, tea.WithContext(s.ctx), tea.WithInput(nil), tea.WithOutput(io.Discard),
		tea.WithoutRenderer(), tea.WithoutSignalHandler(), tea.WithWindowSize(width, height))
	s.produce(program.Send)
	_, err = program.Run()
	if err := s.ended(parent, err); err != nil {
		return "", Snapshot{}, err
	}
	s.model.width, s.model.height = width, height
	return s.model.content(), s.model.snapshot(), nil
}

// awaiting quits when all sources of the model have answered.
type awaiting struct {
	*Model
	until    time.Time // the latest end
	complete time.Time // when all was known; zero before
	count    int       // messages so far
}

// quietMsg comes a while after message number n.
type quietMsg int

// Update passes everything on, and waits again whenever something came.
func (a *awaiting) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	now := time.Now()
	if a.until.IsZero() {
		a.until = now.Add(onceLimit)
	}
	var cmd tea.Cmd
	n, quiet := msg.(quietMsg)
	if !quiet {
		_, cmd = a.Model.Update(msg)
		a.count++
	}
	if a.complete.IsZero() && a.allKnown() {
		a.complete = now
	}
	known := !a.complete.IsZero()
	if known && (quiet && int(n) == a.count || now.Sub(a.complete) > busyFor) || now.After(a.until) {
		return a, tea.Quit
	}
	next := quietMsg(a.count)
	return a, tea.Batch(cmd, tea.Tick(quietFor, func(time.Time) tea.Msg { return next }))
}

// allKnown reports whether every source has answered: the engine, or that it is away; usage of all that runs; the counter, or why not.
func (a *awaiting) allKnown() bool {
	if !a.known {
		return false
	}
	if a.state.Err != nil || len(a.state.Containers) == 0 {
		return true
	}
	summary := a.visits.Summary()
	for _, c := range a.state.Containers {
		if c.State == "running" && c.Usage == nil {
			return false
		}
	}
	return summary.Known || summary.Err != nil
}
