package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/modal"
	"stackctl.dev/stackctl/internal/tui/notice"
	"stackctl.dev/stackctl/internal/tui/redispane"
	"stackctl.dev/stackctl/internal/tui/servicepane"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

// Update routes a message to the part that it concerns.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if cmd, ok := m.data(msg); ok {
		return m, cmd
	}
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg:
		if !m.chosen {
			m.theme = m.themes.For(msg.IsDark())
		}
	case tea.KeyPressMsg:
		cmd = m.press(msg)
	case tea.MouseMsg:
		cmd = m.mouse(msg)
	case tea.PasteMsg:
		cmd = m.typed(msg)
	case resumedMsg:
		cmd = lend(nil, func(error) tea.Msg { return nil })
	case crashedMsg:
		m.crash = &msg
		cmd = tea.Quit
	default:
		known := false
		if cmd, known = m.work(msg); !known {
			return m, m.tell(msg)
		}
	}
	m.changed = true
	m.fronts[m.places[m.focus]] = m.focus
	return m, cmd
}

// data takes what the producers send, except logs, which are for the panes alone.
func (m *Model) data(msg tea.Msg) (tea.Cmd, bool) {
	switch msg := msg.(type) {
	case stateMsg:
		return m.setState(watch.State(msg)), true
	case standingMsg:
		m.standing = Standing(msg)
		return nil, true
	case eventMsg:
		return m.mark(watch.Event(msg)), true
	case visitpane.Count:
		return tea.Batch(m.tell(msg), m.connection(nil)), true
	case visitpane.Unknown:
		return tea.Batch(m.tell(msg), m.connection(msg.Err)), true
	}
	return nil, false
}

func (m *Model) setState(s watch.State) tea.Cmd {
	var cmd tea.Cmd
	switch lost := m.state.Err != nil; {
	case s.Err != nil && !lost: // the way to Redis is through the engine
		cmd = m.tell(visitpane.Unknown{At: m.clock(), Err: s.Err})
	case s.Err == nil && lost:
		m.lookAgain()
	}
	m.state, m.known, m.changed = s, true, true
	return tea.Batch(cmd, m.tell(s))
}

// connection tells the panes whether Redis answers, when that changes.
func (m *Model) connection(err error) tea.Cmd {
	same := (err == nil) == (m.storeErr == nil) && (err == nil || err.Error() == m.storeErr.Error())
	m.storeErr = err
	if same {
		return nil
	}
	return m.tell(redispane.Connection{Err: err})
}

// work takes what commands and the modal send, and reports whether it did.
func (m *Model) work(msg tea.Msg) (cmd tea.Cmd, known bool) {
	switch msg := msg.(type) {
	case servicepane.Ask:
		cmd = m.asked(msg)
	case confirmedMsg:
		cmd = msg.run(m)
	case detailsMsg:
		if msg.err != nil {
			return say(notice.Bad, msg.err.Error()), true
		}
		m.modal = modal.Details(m.keys, msg.details)
	case jobMsg:
		cmd = m.progress(msg)
	case shellMsg:
		cmd = m.openShell(msg)
	case resetMsg:
		cmd = m.resetEnded(msg)
	case operatedMsg:
		cmd = m.operated(msg)
	case notice.Msg:
		cmd = m.notify(msg)
	case noticeOverMsg:
		if int(msg) == m.notes {
			m.notice = notice.Msg{}
		}
	default:
		return nil, false
	}
	return cmd, true
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
		if m.focused().Takes(msg) {
			return m.toPane(m.focus, msg)
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
	if !m.focused().Capturing() && !m.focused().Takes(msg) {
		for _, a := range m.actions() {
			if keys.Matches(msg, a.binding) {
				return a.run()
			}
		}
	}
	return m.toPane(m.focus, msg)
}

func (m *Model) tooSmall() bool { return m.screen().TooSmall }

// typed gives a message to the modal or the focused pane.
func (m *Model) typed(msg tea.Msg) tea.Cmd {
	if m.modal != nil {
		return m.toModal(msg)
	}
	return m.toPane(m.focus, msg)
}

func (m *Model) toModal(msg tea.Msg) tea.Cmd {
	cmd, done := m.modal.Update(msg)
	if done {
		m.modal = nil
	}
	return cmd
}

// notify shows a notice: the first line of its text, made safe.
func (m *Model) notify(n notice.Msg) tea.Cmd {
	first, _, more := strings.Cut(strings.TrimSpace(n.Text), "\n")
	if more {
		first += " …"
	}
	n.Text = draw.Safe(first)
	m.notice = n
	m.notes++
	note := m.notes
	return tea.Tick(noticeFor, func(time.Time) tea.Msg { return noticeOverMsg(note) })
}
