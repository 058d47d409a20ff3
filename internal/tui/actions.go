package tui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
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
	step := func(by int) func() tea.Cmd {
		return do(func() { m.focus = (m.focus + layout.Pane(by+len(m.panes))) % layout.Pane(len(m.panes)) })
	}
	actions := []action{
		{"quit", g.Quit, m.quit},
		{"help", g.Help, do(func() { m.modal = modal.Help(m.keys, m.helpGroups()) })},
		{"palette", g.Palette, do(func() { m.modal = modal.NewPalette(m.keys, m.commands()) })},
		{"next pane", g.Next, step(1)},
		{"previous pane", g.Previous, step(-1)},
	}
	for i, b := range m.focusKeys() {
		actions = append(actions, action{b.Help().Desc, b, do(func() { m.focus = layout.Pane(i) })})
	}
	return append(actions,
		action{"zoom", g.Zoom, do(func() { m.zoom = !m.zoom })},
		action{"copy", g.Copy, m.copy},
		action{"mouse", g.Mouse, m.releaseMouse},
		action{"open", g.Open, m.open},
		action{"up", g.Up, m.up},
		action{"down", g.Down, m.down},
		action{"reset", g.Reset, m.reset},
		action{"undo reset", g.UndoReset, m.undoReset},
		action{"suspend", g.Suspend, func() tea.Cmd { return tea.Suspend }},
	)
}

// focusKeys are the keys that focus a pane, by Pane.
func (m *Model) focusKeys() []key.Binding {
	var bindings []key.Binding
	for i, s := range m.panes {
		bindings = append(bindings, keys.Focus(i, s.name))
	}
	return bindings
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
		add("progress", "of the last change", "", func(m *Model) tea.Cmd { m.modal = m.job; return nil })
	}
	k := m.keys.Services
	for _, v := range servicepane.Verbs(k) {
		if !v.Key.Enabled() || v.Verb == servicepane.More || v.Verb == servicepane.Fewer { // those are scale, below
			continue
		}
		for _, c := range m.state.Containers {
			add(string(v.Verb)+" "+servicepane.Name(c), v.Key.Help().Desc+" of this container", v.Key.Help().Key, func(m *Model) tea.Cmd {
				return m.asked(servicepane.Ask{Verb: v.Verb, Container: c})
			})
		}
	}
	if k.More.Enabled() {
		for _, service := range m.scalable() {
			for n := 0; n <= 10; n++ {
				add(fmt.Sprintf("scale %s=%d", draw.Safe(service), n), "replicas of the service", "+ -", func(m *Model) tea.Cmd { return m.scale(service, n) })
			}
		}
	}
	return commands
}

// helpGroups are the headings of the help.
func (m *Model) helpGroups() []modal.Group {
	g := m.keys.Global
	everywhere := append([]key.Binding{g.Next, g.Previous}, m.focusKeys()...)
	everywhere = append(everywhere, g.Zoom, g.Palette, g.Help, g.Copy, g.Mouse, g.Open, g.Up, g.Down, g.Reset, g.UndoReset, g.Suspend, g.Quit, g.Interrupt)
	groups := []modal.Group{{Title: "everywhere", Keys: everywhere}}
	for i, s := range m.panes {
		if own := s.Keys(); own != nil {
			groups = append(groups, modal.Group{Title: titleOf(i, s.name), Keys: own})
		}
	}
	return append(groups, modal.Group{Title: "mouse", Keys: []key.Binding{
		key.NewBinding(key.WithKeys("click"), key.WithHelp("click", "focus a pane, select a row, sort by a column")),
		key.NewBinding(key.WithKeys("wheel"), key.WithHelp("wheel", "scroll")),
		key.NewBinding(key.WithKeys("drag"), key.WithHelp("drag", "move the border between panes")),
	}})
}

// copy puts what is selected into the clipboard, through the terminal (OSC 52): it works over ssh.
func (m *Model) copy() tea.Cmd {
	text := m.focused().Selection()
	if text == "" {
		return say(notice.Warn, "nothing to copy here")
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
		return say(notice.Info, "the terminal has the mouse: select text; m takes it back")
	}
	return say(notice.Info, "the dashboard has the mouse again")
}

func (m *Model) open() tea.Cmd {
	url := m.state.URL()
	if url == "" {
		return say(notice.Warn, "no URL: the stack publishes no port now")
	}
	return func() tea.Msg {
		if m.src.Open == nil || m.src.Open(m.ctx, url) != nil {
			return notice.Msg{Level: notice.Warn, Text: "could not open a browser: " + url}
		}
		return notice.Msg{Text: "opened " + url}
	}
}

// scalable are the services that can have several replicas: those that publish no port and are not the store.
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
