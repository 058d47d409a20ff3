package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/tui/feed"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

// Terminal is where the dashboard is shown.
type Terminal struct {
	In  io.Reader
	Out io.Writer
}

// Run shows the dashboard until the user quits or ctx ends, and leaves the terminal as it was.
func Run(parent context.Context, terminal Terminal, src Sources, o Options) error {
	s := newShow(parent, src, o)
	defer s.close()
	program := tea.NewProgram(s.model, tea.WithContext(s.ctx), tea.WithInput(terminal.In), tea.WithOutput(terminal.Out), tea.WithFPS(maxFrames), tea.WithoutSignalHandler())
	stop := watchSignals(program)
	defer stop()
	s.produce(program.Send)
	_, err := program.Run()
	return s.ended(parent, err)
}

// maxFrames bounds how often the screen is flushed, a second. A key press waits for the next flush, 45 ms at most; the ticker behind it
// runs while nothing happens too, and is most of what an idle dashboard costs: 1.1 % of a core at 60, 0.4 % at 22, measured.
const maxFrames = 22

// show is one run of the dashboard: the model, what it reads from, and the goroutines that feed it.
type show struct {
	src     Sources
	model   *Model
	client  *store.Client
	session *console.Session
	ctx     context.Context
	cancel  context.CancelFunc
	group   sync.WaitGroup
}

func newShow(parent context.Context, src Sources, o Options) *show {
	ctx, cancel := context.WithCancel(parent)
	client, session := store.Open(src.Redis), console.New(src.Redis, 0)
	return &show{src: src, model: newModel(ctx, src, client, session, o), client: client, session: session, ctx: ctx, cancel: cancel}
}

// close ends everything and waits for it.
func (s *show) close() {
	s.cancel()
	_ = s.client.Close()
	_ = s.session.Close()
	s.group.Wait()
}

// ended turns the end of the program into an error for the command. A program that ctx has ended says both "killed" and
// "canceled": that is no failure of its own.
func (s *show) ended(parent context.Context, err error) error {
	if c := s.model.crash; c != nil {
		lines := []error{fmt.Errorf("showing the dashboard: %v", c.cause)}
		for line := range strings.Lines(string(c.stack)) {
			lines = append(lines, errors.New(strings.TrimSuffix(line, "\n")))
		}
		return errors.Join(lines...)
	}
	if parent.Err() != nil {
		return parent.Err()
	}
	if err != nil {
		return fmt.Errorf("showing the dashboard: %w", err)
	}
	return nil
}

// produce starts what feeds the model. send blocks until the program runs, and does nothing after its end.
func (s *show) produce(send func(tea.Msg)) {
	s.model.spawn = func(work func()) { s.run(send, work) }
	s.run(send, func() {
		_ = s.src.Watch(s.ctx, watch.Sink{
			State: func(st watch.State) { send(stateMsg(st)) },
			Event: func(e watch.Event) { send(eventMsg(e)) },
		})
	})
	s.run(send, func() {
		feed.Run(s.ctx, s.src.Logs, s.tap, send)
	})
	s.run(send, func() { pollStanding(s.ctx, s.src.Standing, send) })
	s.run(send, func() { tellWarnings(s.ctx, s.src.Warnings, time.Now, send) })
	s.run(send, func() { pollVisits(s.ctx, s.client, time.Now, s.model.visited, send) })
}

// tellWarnings shows warnings as events, where they stay longer than a notice.
func tellWarnings(ctx context.Context, warnings <-chan string, now func() time.Time, send func(tea.Msg)) {
	for {
		select {
		case <-ctx.Done():
			return
		case text := <-warnings:
			send(eventMsg{At: now(), Kind: watch.EventWarning, Text: text})
		}
	}
}

// tap gives every line to the statistics of requests, before any line is dropped for the screen.
func (s *show) tap(l logs.Line) {
	if s.model.requests.Add(l.Time, visitpane.Replica(l.Service, l.Replica), l.Text) {
		s.model.lookAgain()
	}
}

// run runs a producer. A panic ends the program in order, so that the terminal is restored before it is reported.
func (s *show) run(send func(tea.Msg), f func()) {
	s.group.Go(func() {
		defer func() {
			if cause := recover(); cause != nil {
				send(crashedMsg{cause, debug.Stack()})
			}
		}()
		f()
	})
}
