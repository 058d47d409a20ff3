package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/feed"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/logpane"
	"stackctl.dev/stackctl/internal/tui/modal"
	"stackctl.dev/stackctl/internal/tui/notice"
	"stackctl.dev/stackctl/internal/tui/servicepane"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

// Update routes a message to whom it concerns.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.still = false
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg:
		if !m.chosen {
			m.theme = m.themes.For(msg.IsDark())
		}
	case tea.KeyPressMsg:
		return m, m.press(msg)
	case tea.MouseMsg:
		return m, m.mouse(msg)
	case tea.PasteMsg:
		return m, m.typed(msg)
	case resumedMsg:
		return m, takeTerminal()
	case crashedMsg:
		m.crash = &msg
		return m, tea.Quit
	default:
		if cmd, ok := m.data(msg); ok {
			return m, cmd
		}
		return m, m.work(msg)
	}
	return m, nil
}

// data takes what the producers send.
func (m *Model) data(msg tea.Msg) (tea.Cmd, bool) {
	switch msg := msg.(type) {
	case stateMsg:
		m.setState(watch.State(msg))
	case eventMsg:
		m.mark(watch.Event(msg))
	case visitpane.Count:
		if m.visits.Count(msg) || m.storeErr != nil {
			m.stale(layout.Visits)
		} else {
			m.still = true
		}
		m.connection(nil)
	case visitpane.Unknown:
		m.visits.Unknown(msg)
		m.connection(msg.Err)
		m.stale(layout.Visits)
	case feed.Batch, feed.Lost, feed.Resumed, logpane.Tick:
		m.stale(layout.Logs)
		return m.logs.Update(msg), true
	default:
		return nil, false
	}
	return nil, true
}

func (m *Model) setState(s watch.State) {
	switch lost := m.state.Err != nil; {
	case s.Err != nil && !lost: // the way to Redis is through the engine
		m.visits.Unknown(visitpane.Unknown{At: m.clock(), Err: s.Err})
		m.stale(layout.Visits)
	case s.Err == nil && lost:
		m.lookAgain()
	}
	m.state, m.known = s, true
	m.services.Set(s.Containers, s.Err != nil)
	m.visits.Replicas(s.Containers)
	m.stale(layout.Services)
}

// connection tells the console whether Redis answers, when that changes.
func (m *Model) connection(err error) {
	if (err == nil) != (m.storeErr == nil) || err != nil && err.Error() != m.storeErr.Error() {
		m.redis.SetConnection(err)
		m.stale(layout.Redis)
	}
	m.storeErr = err
}

// work takes what commands and the modal send; what is left is for the panes.
func (m *Model) work(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case servicepane.Ask:
		return m.asked(msg)
	case confirmedMsg:
		return msg.run(m)
	case detailsMsg:
		if msg.err != nil {
			return say(notice.Bad, msg.err.Error())
		}
		m.modal = modal.Details(m.keys, msg.details)
	case jobMsg:
		return m.progress(msg)
	case shellMsg:
		return m.openShell(msg)
	case resetMsg:
		return m.resetEnded(msg)
	case operatedMsg:
		m.works--
		if msg.err != nil {
			return say(notice.Bad, msg.err.Error())
		}
		return say(notice.Info, msg.what)
	case notice.Msg:
		return m.notify(msg)
	case noticeOverMsg:
		if int(msg) == m.notes {
			m.notice = notice.Msg{}
		}
	default:
		m.stale(layout.Logs, layout.Redis)
		m.lookAgain() // a command of the console may have changed the counter
		return tea.Batch(m.logs.Update(msg), m.redis.Update(msg))
	}
	return nil
}

// press takes a key: an open modal first, then a text that is being typed, then the keys of the dashboard, then the focused pane's.
func (m *Model) press(msg tea.KeyPressMsg) tea.Cmd {
	g := m.keys.Global
	if m.modal != nil && !m.tooSmall() {
		if keys.Matches(msg, g.Interrupt) && (m.modal != modal.Modal(m.job) || !m.job.Running()) {
			return tea.Quit
		}
		return m.toModal(msg)
	}
	if keys.Matches(msg, g.Interrupt) {
		if m.focus == layout.Redis && m.redis.Busy() { // the command that is under way, not the dashboard
			return m.redis.Update(msg)
		}
		return m.quit()
	}
	if keys.Matches(msg, g.Suspend) {
		return tea.Suspend
	}
	if m.tooSmall() {
		if keys.Matches(msg, g.Quit) {
			return tea.Quit
		}
		return nil
	}
	if m.capturing() {
		return m.typed(msg)
	}
	if cmd, ok := m.global(msg); ok {
		return cmd
	}
	return m.typed(msg)
}

func (m *Model) tooSmall() bool { return m.screen().TooSmall }

// capturing reports whether the focused pane takes letters as text.
func (m *Model) capturing() bool {
	switch m.focus {
	case layout.Services:
		return m.services.Capturing()
	case layout.Logs:
		return m.logs.Capturing()
	case layout.Redis:
		return m.redis.Capturing()
	}
	return false
}

// typed gives a message to the modal or the focused pane.
func (m *Model) typed(msg tea.Msg) tea.Cmd {
	if m.modal != nil {
		return m.toModal(msg)
	}
	return m.toPane(m.focus, msg)
}

func (m *Model) toPane(p layout.Pane, msg tea.Msg) tea.Cmd {
	m.stale(p)
	switch p {
	case layout.Services:
		return m.services.Update(msg)
	case layout.Logs:
		return m.logs.Update(msg)
	case layout.Redis:
		return m.redis.Update(msg)
	}
	return nil
}

func (m *Model) toModal(msg tea.Msg) tea.Cmd {
	cmd, done := m.modal.Update(msg)
	if done {
		m.modal = nil
	}
	return cmd
}

// global takes the keys that work everywhere.
func (m *Model) global(msg tea.KeyPressMsg) (tea.Cmd, bool) {
	if m.focus == layout.Redis && keys.Matches(msg, m.keys.Redis.Undo) { // what was removed here comes first
		return nil, false
	}
	if m.focus == layout.Logs && m.logs.Inside() && keys.Matches(msg, m.keys.Global.Quit, m.keys.Global.Back) { // closes what is open in it
		return nil, false
	}
	for _, a := range m.actions() {
		if keys.Matches(msg, a.binding) {
			return a.run(), true
		}
	}
	return nil, false
}

// notify shows a notice: one line, whatever its text came from.
func (m *Model) notify(n notice.Msg) tea.Cmd {
	first, _, more := strings.Cut(strings.TrimSpace(n.Text), "\n")
	if more {
		first += " …"
	}
	n.Text = draw.Plain(termtext.Safe(first))
	m.notice = n
	m.notes++
	note := m.notes
	return tea.Tick(noticeFor, func(time.Time) tea.Msg { return noticeOverMsg(note) })
}
