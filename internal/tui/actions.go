package tui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/layout"
	"stackctl.dev/stackctl/internal/tui/modal"
	"stackctl.dev/stackctl/internal/tui/notice"
	"stackctl.dev/stackctl/internal/tui/servicepane"
)

// action is one thing that the dashboard can do, by key and from the palette.
type action struct {
	name    string // in the palette
	binding key.Binding
	run     func() tea.Cmd
}

// actions are the ones of the dashboard as a whole.
func (m *Model) actions() []action {
	g := m.keys.Global
	do := func(f func()) func() tea.Cmd {
		return func() tea.Cmd { f(); return nil }
	}
	focus := func(p layout.Pane) func() tea.Cmd { return do(func() { m.focus = p }) }
	return []action{
		{"quit", g.Quit, m.quit},
		{"help", g.Help, do(func() { m.modal = modal.Help(m.keys, m.helpGroups()) })},
		{"palette", g.Palette, do(func() { m.modal = modal.NewPalette(m.keys, m.commands()) })},
		{"next pane", g.Next, do(func() { m.focus = (m.focus + 1) % layout.Count })},
		{"previous pane", g.Previous, do(func() { m.focus = (m.focus + layout.Count - 1) % layout.Count })},
		{"visits", g.FocusVisits, focus(layout.Visits)},
		{"services", g.FocusServices, focus(layout.Services)},
		{"logs", g.FocusLogs, focus(layout.Logs)},
		{"redis", g.FocusRedis, focus(layout.Redis)},
		{"zoom", g.Zoom, do(func() { m.zoom = !m.zoom })},
		{"copy", g.Copy, m.copy},
		{"mouse", g.Mouse, m.releaseMouse},
		{"open", g.Open, m.open},
		{"up", g.Up, m.up},
		{"down", g.Down, m.down},
		{"reset", g.Reset, m.reset},
		{"undo reset", g.UndoReset, m.undoReset},
		{"suspend", g.Suspend, func() tea.Cmd { return tea.Suspend }},
	}
}

// commands fill the palette: the dashboard's own, and one for each container and service.
func (m *Model) commands() []modal.Command {
	var commands []modal.Command
	add := func(name, description, shortcut string, run func(*Model) tea.Cmd) {
		commands = append(commands, modal.Command{Name: name, Description: description, Key: shortcut, Run: func() tea.Msg { return confirmedMsg{run} }})
	}
	for _, a := range m.actions() {
		if a.binding.Enabled() && a.name != "palette" {
			add(a.name, a.binding.Help().Desc, a.binding.Help().Key, func(*Model) tea.Cmd { return a.run() })
		}
	}
	if m.job != nil {
		add("progress", "of the work that was started last", "", func(m *Model) tea.Cmd { m.modal = m.job; return nil })
	}
	k := m.keys.Services
	verbs := []struct {
		verb    servicepane.Verb
		binding key.Binding
	}{{servicepane.Details, k.Details}, {servicepane.Logs, k.Logs}, {servicepane.Restart, k.Restart}, {servicepane.Stop, k.Stop}, {servicepane.Start, k.Start}, {servicepane.Shell, k.Shell}}
	for _, v := range verbs {
		for _, c := range m.state.Containers {
			if v.binding.Enabled() {
				add(string(v.verb)+" "+safeName(c), v.binding.Help().Desc+" of this container", v.binding.Help().Key, func(m *Model) tea.Cmd {
					return m.asked(servicepane.Ask{Verb: v.verb, Container: c})
				})
			}
		}
	}
	if k.More.Enabled() {
		for _, service := range m.scalable() {
			for n := 0; n <= 10; n++ {
				add(fmt.Sprintf("scale %s=%d", safe(service), n), "replicas of the service", "+ -", func(m *Model) tea.Cmd { return m.scale(service, n) })
			}
		}
	}
	return commands
}

// helpGroups are the headings of the help.
func (m *Model) helpGroups() []modal.Group {
	g, s, l, r := m.keys.Global, m.keys.Services, m.keys.Logs, m.keys.Redis
	return []modal.Group{
		{Title: "everywhere", Keys: []key.Binding{g.Next, g.Previous, g.FocusVisits, g.FocusServices, g.FocusLogs, g.FocusRedis, g.Zoom, g.Palette, g.Help, g.Copy, g.Mouse, g.Open, g.Up, g.Down, g.Reset, g.UndoReset, g.Suspend, g.Quit, g.Interrupt}},
		{Title: "2 services", Keys: []key.Binding{s.Up, s.Down, s.Top, s.Bottom, s.Details, s.Restart, s.Stop, s.Start, s.More, s.Fewer, s.Shell, s.Logs, s.Sort, s.Reverse, s.Filter}},
		{Title: "3 logs", Keys: []key.Binding{l.Follow, l.Up, l.Down, l.PageUp, l.PageDown, l.Top, l.Bottom, l.Left, l.Right, l.Search, l.Next, l.Previous, l.OnlyMatches, l.Service, l.Level, l.Wrap, l.Timestamps, l.Jump, l.Request, l.Save, l.Clear}},
		{Title: "4 redis", Keys: []key.Binding{r.Submit, r.Complete, r.CompletePrevious, r.HistoryPrevious, r.HistoryNext, r.HistorySearch, r.PageUp, r.PageDown, r.Leave, r.Edit, r.Browse, r.Undo, r.Clear}},
		{Title: "mouse", Keys: []key.Binding{
			key.NewBinding(key.WithKeys("click"), key.WithHelp("click", "focus a pane, choose a row, sort by a title")),
			key.NewBinding(key.WithKeys("wheel"), key.WithHelp("wheel", "scroll")),
			key.NewBinding(key.WithKeys("drag"), key.WithHelp("drag", "move the border between panes")),
		}},
	}
}

// copy puts what is selected into the clipboard, through the terminal (OSC 52): it works over ssh.
func (m *Model) copy() tea.Cmd {
	text := ""
	switch m.focus {
	case layout.Visits:
		text = m.state.URL()
	case layout.Services:
		text = m.services.Selection()
	case layout.Logs:
		text = m.logs.Selection()
	case layout.Redis:
		text = m.redis.Selection()
	}
	if text == "" {
		return say(notice.Warn, "there is nothing to copy here")
	}
	what := text
	if lines := strings.Count(strings.TrimSpace(text), "\n") + 1; lines > 1 {
		what = fmt.Sprintf("%d lines", lines)
	}
	return tea.Batch(tea.SetClipboard(text), say(notice.Info, "copied: "+what))
}

func (m *Model) releaseMouse() tea.Cmd {
	m.mouseFree = !m.mouseFree
	if m.mouseFree {
		return say(notice.Info, "the mouse is the terminal's: select text; m takes it back")
	}
	return say(notice.Info, "the mouse works here again")
}

func (m *Model) open() tea.Cmd {
	url := m.state.URL()
	if url == "" {
		return say(notice.Warn, "there is no URL: the stack publishes none now")
	}
	return func() tea.Msg {
		if m.src.Open == nil || m.src.Open(m.ctx, url) != nil {
			return notice.Msg{Level: notice.Warn, Text: "no browser could be opened here: " + url}
		}
		return notice.Msg{Text: "opened " + url}
	}
}

// scalable are the services that can have several replicas: those that no port of their own ties to one. The store is not one of them.
func (m *Model) scalable() []string {
	var services []string
	seen := map[string]bool{}
	for _, c := range m.state.Containers {
		if !seen[c.Service] && scalable(c) {
			services = append(services, c.Service)
		}
		seen[c.Service] = true
	}
	return services
}

// safeName is service-replica, fit for a terminal: a label may hold anything.
func safeName(c watch.Container) string {
	return fmt.Sprintf("%s-%d", safe(c.Service), c.Number)
}

func safe(s string) string { return draw.Plain(termtext.Safe(s)) }
