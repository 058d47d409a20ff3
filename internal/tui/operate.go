package tui

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/logpane"
	"stackctl.dev/stackctl/internal/tui/modal"
	"stackctl.dev/stackctl/internal/tui/notice"
	"stackctl.dev/stackctl/internal/tui/servicepane"
)

// asked carries out what was asked for a container, after a question where that stops something.
func (m *Model) asked(a servicepane.Ask) tea.Cmd {
	c, name := a.Container, servicepane.Name(a.Container)
	switch a.Verb {
	case servicepane.Details:
		return m.details(c.ID)
	case servicepane.Logs:
		m.focus = named("logs")
		return m.tell(logpane.Only{Service: c.Service})
	case servicepane.Shell:
		return m.shell(c)
	case servicepane.Start:
		return m.operate("starting "+name, name+" started", func(ctx context.Context, sink report.Sink) error { return m.src.Operator.Start(ctx, c.ID, sink) })
	case servicepane.Restart:
		return m.ask("restart "+name+"?", []string{"other replicas, if there are any, take its requests until it is back"}, func(m *Model) tea.Cmd {
			return m.operate("restarting "+name, name+" restarted", func(ctx context.Context, sink report.Sink) error { return m.src.Operator.Restart(ctx, c.ID, sink) })
		})
	case servicepane.Stop:
		return m.ask("stop "+name+"?", []string{"it stays stopped until you start it (a) or run `stackctl up`"}, func(m *Model) tea.Cmd {
			return m.operate("stopping "+name, name+" stopped", func(ctx context.Context, sink report.Sink) error { return m.src.Operator.Stop(ctx, c.ID, sink) })
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

// operationLimit bounds an operation on one container, including the wait for another stackctl.
const operationLimit = 2 * time.Minute

// operate does something short with one container, and says when it begins and ends. Quitting the dashboard waits for it instead of
// stopping it half-way: a restart would leave the container stopped.
func (m *Model) operate(begin, end string, do func(context.Context, report.Sink) error) tea.Cmd {
	m.works++
	done := make(chan operatedMsg, 1)
	m.spawn(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), operationLimit)
		defer cancel()
		var mu sync.Mutex
		var told []string
		err := do(ctx, func(e report.Event) {
			if !modal.Step(e.Kind) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, e.Detail)
			}
		})
		mu.Lock()
		defer mu.Unlock()
		done <- operatedMsg{end, told, err}
	})
	return tea.Sequence(say(notice.Info, begin+" …"), func() tea.Msg {
		select {
		case msg := <-done:
			return msg
		case <-m.ctx.Done():
			return nil
		}
	})
}

// operated says how an operation ended; what it reported while it ran goes to the events.
func (m *Model) operated(o operatedMsg) tea.Cmd {
	m.works--
	end := say(notice.Info, o.what)
	if o.err != nil {
		end = say(notice.Bad, o.err.Error())
	}
	cmds := []tea.Cmd{end}
	for _, text := range o.told {
		cmds = append(cmds, m.mark(watch.Event{At: m.clock(), Kind: watch.EventWarning, Text: text}))
	}
	return tea.Batch(cmds...)
}

// quit asks first while something is running.
func (m *Model) quit() tea.Cmd {
	switch {
	case m.works > 0:
		return m.ask("quit?", []string{"an operation on a container is still running; the program waits for it to finish"}, func(*Model) tea.Cmd { return tea.Quit })
	case m.job != nil && m.job.Running():
		return m.ask("quit?", []string{"a change is in progress and would be interrupted; run it again to continue"}, func(*Model) tea.Cmd { return tea.Quit })
	}
	return tea.Quit
}

// shell looks for a shell in the container, which takes a call to the engine, and then gives it the terminal.
func (m *Model) shell(c watch.Container) tea.Cmd {
	return func() tea.Msg {
		command, err := m.src.Operator.Shell(m.ctx, c)
		return shellMsg{servicepane.Name(c), command, err}
	}
}

func (m *Model) openShell(s shellMsg) tea.Cmd {
	if s.err != nil {
		return say(notice.Warn, s.err.Error())
	}
	return lend(s.command, func(err error) tea.Msg {
		if err != nil {
			return notice.Msg{Level: notice.Warn, Text: "the shell in " + s.container + " ended: " + err.Error()}
		}
		return notice.Msg{Text: "the shell in " + s.container + " ended"}
	})
}

// scalable reports whether a container's service can have several replicas.
func scalable(c watch.Container) bool {
	if c.Labels[label.StorePort] != "" {
		return false
	}
	for _, p := range c.Ports {
		if p.PublicPort != 0 { // only one replica can hold a port of the host
			return false
		}
	}
	return true
}

func (m *Model) scaleBy(c watch.Container, v servicepane.Verb) tea.Cmd {
	if !scalable(c) {
		return say(notice.Warn, draw.Safe(c.Service)+" can have only one replica: it holds data or publishes a port")
	}
	_, total := m.state.Replicas(c.Service)
	if v == servicepane.More {
		return m.scale(c.Service, total+1)
	}
	if total <= 1 {
		return say(notice.Warn, draw.Safe(c.Service)+" has only one replica: x stops it")
	}
	return m.scale(c.Service, total-1)
}

// scale changes the number of replicas; it asks before it removes some.
func (m *Model) scale(service string, n int) tea.Cmd {
	_, total := m.state.Replicas(service)
	work := func(m *Model) tea.Cmd {
		marked := m.mark(watch.Event{At: m.clock(), Kind: watch.EventScale, Service: service, Text: fmt.Sprintf("%s scaled from %d to %d", service, total, n)})
		return tea.Batch(marked, m.start(fmt.Sprintf("scale %s to %d", draw.Safe(service), n), func(ctx context.Context, sink report.Sink) (string, error) {
			return m.src.Operator.Scale(ctx, service, n, sink)
		}))
	}
	if n < total {
		return m.ask(fmt.Sprintf("scale %s from %d to %d?", draw.Safe(service), total, n), nil, work)
	}
	return work(m)
}

func (m *Model) up() tea.Cmd {
	return m.start("up", func(ctx context.Context, sink report.Sink) (string, error) { return m.src.Operator.Up(ctx, sink) })
}

func (m *Model) down() tea.Cmd {
	if !m.known || m.state.Err != nil {
		return say(notice.Warn, "cannot tell what would be removed: the engine does not answer")
	}
	details := []string{fmt.Sprintf("%d containers and the project's networks are removed; its volumes, and so the visits, are kept", len(m.state.Containers))}
	return m.ask("remove the stack?", details, func(m *Model) tea.Cmd {
		return m.start("down", func(ctx context.Context, sink report.Sink) (string, error) {
			return m.src.Operator.Down(ctx, sink)
		})
	})
}

// maxProgress bounds the events of a job that nobody has looked at yet.
const maxProgress = 1024

// start begins a change of the stack, one at a time, and shows its progress.
func (m *Model) start(title string, work func(context.Context, report.Sink) (string, error)) tea.Cmd {
	if m.job != nil && m.job.Running() {
		m.modal = m.job
		return say(notice.Warn, "one change at a time: this one is still running")
	}
	ctx, cancel := context.WithCancel(m.ctx)
	m.job = modal.NewJob(m.keys, title, m.clock, cancel)
	m.modal = m.job
	events := make(chan tea.Msg, maxProgress)
	m.spawn(func() { // it ends with the program's context; the last message always arrives
		defer cancel()
		result, err := work(ctx, func(e report.Event) {
			select {
			case events <- modal.Progress{Event: e}:
			default: // nobody reads while a shell has the terminal: the change goes on
			}
		})
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted; run it again to continue")
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
		return say(notice.Bad, "the change failed: "+done.Err.Error())
	}
	return say(notice.Info, done.Result)
}

// mark tells the panes what happened: the chart marks it.
func (m *Model) mark(e watch.Event) tea.Cmd {
	m.lastEvent, m.changed = e, true
	return m.tell(e)
}
