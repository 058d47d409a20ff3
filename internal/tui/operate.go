package tui

import (
	"context"
	"errors"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/modal"
	"stackctl.dev/stackctl/internal/tui/notice"
	"stackctl.dev/stackctl/internal/tui/servicepane"
)

// asked carries out what was asked for a container; what stops something asks once more.
func (m *Model) asked(a servicepane.Ask) tea.Cmd {
	c, name := a.Container, safeName(a.Container)
	switch a.Verb {
	case servicepane.Details:
		return m.details(c.ID)
	case servicepane.Logs:
		m.focus = layout.Logs
		m.stale(layout.Logs)
		m.logs.FilterService(c.Service)
		return nil
	case servicepane.Shell:
		return m.shell(c)
	case servicepane.Start:
		return m.operate("starting "+name, name+" started", func(ctx context.Context, sink orchestrate.Sink) error { return m.src.Operator.Start(ctx, c.ID, sink) })
	case servicepane.Restart:
		return m.ask("restart "+name+"?", []string{"its requests go to the other replicas meanwhile, if there are any"}, func(m *Model) tea.Cmd {
			return m.operate("restarting "+name, name+" restarted", func(ctx context.Context, sink orchestrate.Sink) error { return m.src.Operator.Restart(ctx, c.ID, sink) })
		})
	case servicepane.Stop:
		return m.ask("stop "+name+"?", []string{"it stays stopped until it is started again: a, or `stackctl up`"}, func(m *Model) tea.Cmd {
			return m.operate("stopping "+name, name+" stopped", func(ctx context.Context, sink orchestrate.Sink) error { return m.src.Operator.Stop(ctx, c.ID, sink) })
		})
	case servicepane.More, servicepane.Fewer:
		return m.scaleBy(c, a.Verb)
	}
	return nil
}

// ask opens a question; yes is carried out in Update.
func (m *Model) ask(title string, details []string, yes func(*Model) tea.Cmd) tea.Cmd {
	m.modal = modal.Ask(m.keys, title, details, func() tea.Msg { return confirmedMsg{yes} })
	return nil
}

// detailsLimit bounds the look at one container.
const detailsLimit = 5 * time.Second

func (m *Model) details(id string) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, detailsLimit)
		defer cancel()
		d, err := m.src.Details(ctx, id)
		return detailsMsg{d, err}
	}
}

// operationLimit bounds an operation on one container, the wait for another stackctl included.
const operationLimit = 2 * time.Minute

// operate does something short with one container, and says when it begins and ends. It does not stop half-way when the dashboard
// is quit, which waits for it: a restart would leave the container stopped.
func (m *Model) operate(begin, end string, do func(context.Context, orchestrate.Sink) error) tea.Cmd {
	m.works++
	done := make(chan error, 1)
	m.spawn(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), operationLimit)
		defer cancel()
		done <- do(ctx, nil)
	})
	return tea.Sequence(say(notice.Info, begin+" …"), func() tea.Msg {
		select {
		case err := <-done:
			return operatedMsg{end, err}
		case <-m.ctx.Done():
			return nil
		}
	})
}

// quit asks while something is under way.
func (m *Model) quit() tea.Cmd {
	switch {
	case m.works > 0:
		return m.ask("quit?", []string{"an operation on a container is under way; the program waits for its end"}, func(*Model) tea.Cmd { return tea.Quit })
	case m.job != nil && m.job.Running():
		return m.ask("quit?", []string{"work is under way and would be interrupted; the same action goes on from there"}, func(*Model) tea.Cmd { return tea.Quit })
	}
	return tea.Quit
}

// shell looks for a shell in the container, which takes a call to the engine, and then gives it the terminal.
func (m *Model) shell(c watch.Container) tea.Cmd {
	return func() tea.Msg {
		command, err := m.src.Operator.Shell(m.ctx, c)
		return shellMsg{safeName(c), command, err}
	}
}

func (m *Model) openShell(s shellMsg) tea.Cmd {
	if s.err != nil {
		return say(notice.Warn, s.err.Error())
	}
	return tea.ExecProcess(s.command, func(err error) tea.Msg {
		if err != nil {
			return notice.Msg{Level: notice.Warn, Text: "the shell in " + s.container + " ended: " + err.Error()}
		}
		return notice.Msg{Text: "the shell in " + s.container + " ended"}
	})
}

// scalable reports whether a container's service can have several replicas.
func scalable(c watch.Container) bool {
	if c.Labels[orchestrate.LabelStorePort] != "" {
		return false
	}
	for _, p := range c.Ports {
		if p.PublicPort != 0 { // a port of the host is taken by one of them
			return false
		}
	}
	return true
}

func (m *Model) scaleBy(c watch.Container, v servicepane.Verb) tea.Cmd {
	if !scalable(c) {
		return say(notice.Warn, safe(c.Service)+" can have one replica only: it holds the data, or publishes a port")
	}
	_, total := m.state.Replicas(c.Service)
	if v == servicepane.More {
		return m.scale(c.Service, total+1)
	}
	if total <= 1 {
		return say(notice.Warn, safe(c.Service)+" has one replica; stop it with x")
	}
	return m.scale(c.Service, total-1)
}

// scale changes the number of replicas; fewer asks first.
func (m *Model) scale(service string, n int) tea.Cmd {
	_, total := m.state.Replicas(service)
	work := func(m *Model) tea.Cmd {
		m.mark(watch.Event{At: m.clock(), Kind: watch.EventScale, Service: service, Text: fmt.Sprintf("%s scaled from %d to %d", service, total, n)})
		return m.start(fmt.Sprintf("scale %s to %d", safe(service), n), func(ctx context.Context, sink orchestrate.Sink) (string, error) {
			return m.src.Operator.Scale(ctx, service, n, sink)
		})
	}
	if n < total {
		return m.ask(fmt.Sprintf("scale %s from %d to %d?", safe(service), total, n), nil, work)
	}
	return work(m)
}

func (m *Model) up() tea.Cmd {
	return m.start("up", func(ctx context.Context, sink orchestrate.Sink) (string, error) { return m.src.Operator.Up(ctx, sink) })
}

func (m *Model) down() tea.Cmd {
	if !m.known || m.state.Err != nil {
		return say(notice.Warn, "what would be removed is not known now: the engine does not answer")
	}
	details := []string{fmt.Sprintf("%d containers and the project's networks are removed; its volumes, and with them the visits, stay", len(m.state.Containers))}
	return m.ask("remove the stack?", details, func(m *Model) tea.Cmd {
		return m.start("down", func(ctx context.Context, sink orchestrate.Sink) (string, error) {
			return m.src.Operator.Down(ctx, sink)
		})
	})
}

// maxProgress bounds the events of a job that nobody has looked at yet.
const maxProgress = 1024

// start begins work that changes the stack, one at a time, and shows its progress.
func (m *Model) start(title string, work func(context.Context, orchestrate.Sink) (string, error)) tea.Cmd {
	if m.job != nil && m.job.Running() {
		m.modal = m.job
		return say(notice.Warn, "one thing at a time: this is still under way")
	}
	ctx, cancel := context.WithCancel(m.ctx)
	m.job = modal.NewJob(m.keys, title, m.clock, cancel)
	m.modal = m.job
	events := make(chan tea.Msg, maxProgress)
	m.spawn(func() { // it ends with the program's context; the last message always arrives
		defer cancel()
		result, err := work(ctx, func(e orchestrate.Event) {
			select {
			case events <- modal.Progress{Event: e}:
			default: // nobody looks, while a shell has the terminal: the work goes on
			}
		})
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted; the same action goes on from there")
		}
		select {
		case events <- modal.Done{Result: result, Err: err}:
		case <-m.ctx.Done():
		}
	})
	return m.listen(events)
}

// jobMsg carries one message of a job, and where the next comes from.
type jobMsg struct {
	msg  tea.Msg
	next <-chan tea.Msg
}

func (m *Model) listen(events <-chan tea.Msg) tea.Cmd {
	return func() tea.Msg {
		select {
		case msg := <-events:
			return jobMsg{msg, events}
		case <-m.ctx.Done():
			return nil
		}
	}
}

// progress gives a job's message to it, shown or hidden, and says how it ended when nobody looks.
func (m *Model) progress(j jobMsg) tea.Cmd {
	_, _ = m.job.Update(j.msg)
	done, ended := j.msg.(modal.Done)
	if !ended {
		return m.listen(j.next)
	}
	if m.modal == modal.Modal(m.job) {
		return nil
	}
	if done.Err != nil {
		return say(notice.Bad, "the work ended with an error: "+done.Err.Error())
	}
	return say(notice.Info, done.Result)
}

// storeLimit bounds a change of the counter; the way there may have to be opened first.
const storeLimit = 20 * time.Second

func (m *Model) reset() tea.Cmd {
	s := m.visits.Summary()
	if !s.Known {
		return say(notice.Warn, "the counter is not known now: Redis does not answer")
	}
	return m.ask(fmt.Sprintf("reset visits from %s to 0?", draw.Count(s.Visits)), []string{"U gives them back; visits counted meanwhile are kept"}, func(m *Model) tea.Cmd {
		return m.onStore(func(ctx context.Context, c *store.Client) resetMsg {
			old, _, err := c.Reset(ctx)
			return resetMsg{from: old, err: err}
		})
	})
}

func (m *Model) undoReset() tea.Cmd {
	return m.onStore(func(ctx context.Context, c *store.Client) resetMsg {
		from, to, err := c.Undo(ctx)
		return resetMsg{from: from, to: to, undo: true, err: err}
	})
}

func (m *Model) onStore(do func(context.Context, *store.Client) resetMsg) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(m.ctx, storeLimit)
		defer cancel()
		return do(ctx, m.client)
	}
}

func (m *Model) resetEnded(r resetMsg) tea.Cmd {
	m.lookAgain()
	switch {
	case r.err != nil:
		return say(notice.Bad, r.err.Error())
	case r.undo:
		return say(notice.Info, fmt.Sprintf("visits: %s -> %s", draw.Count(r.from), draw.Count(r.to)))
	}
	m.mark(watch.Event{At: m.clock(), Kind: watch.EventReset, Text: fmt.Sprintf("visits reset from %s to 0", draw.Count(r.from))})
	return say(notice.Info, fmt.Sprintf("visits: %s -> 0; U gives them back", draw.Count(r.from)))
}

// mark puts what was done from here on the chart.
func (m *Model) mark(e watch.Event) {
	m.lastEvent = e
	m.visits.Mark(e)
	m.stale(layout.Visits)
}
