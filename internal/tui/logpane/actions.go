package logpane

import (
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/keys"
)

// shiftBy is how many cells left and right move.
const shiftBy = 16

// actions are the keys of the pane, in the order of the help.
func (p *Pane) actions() []keys.Action {
	k := p.keys.Logs
	page := max(p.geometry().height-1, 1)
	return []keys.Action{
		keys.Do(k.Follow, p.toggle),
		keys.Do(k.Up, func() { p.move(-1) }),
		keys.Do(k.Down, func() { p.move(1) }),
		keys.Do(k.PageUp, func() { p.scroll(-page) }),
		keys.Do(k.PageDown, func() { p.scroll(page) }),
		keys.Do(k.Top, p.goToOldest),
		keys.Do(k.Bottom, p.follow),
		keys.Do(k.Left, func() { p.shift = max(p.shift-shiftBy, 0) }),
		keys.Do(k.Right, func() { p.shift = min(p.shift+shiftBy, maxText) }),
		keys.Do(k.Search, func() { p.ask(asksSearch, p.filter.search.source()) }),
		{Key: k.Next, Run: func() tea.Cmd { return p.find(1) }},
		{Key: k.Previous, Run: func() tea.Cmd { return p.find(-1) }},
		{Key: k.OnlyMatches, Run: p.toggleOnly},
		keys.Do(k.Service, p.nextService),
		keys.Do(k.Level, p.nextLevel),
		keys.Do(k.Wrap, func() { p.wrap, p.shift = !p.wrap, 0; p.layOut() }),
		keys.Do(k.Timestamps, func() { p.stamps = !p.stamps; p.layOut() }),
		keys.Do(k.Compact, func() { p.compact = !p.compact; p.layOut() }),
		keys.Do(k.Jump, func() { p.ask(asksTime, "") }),
		{Key: k.Request, Run: p.openRequest},
		keys.Do(k.Save, func() { p.ask(asksFile, "stackctl-logs-"+p.clock().Format("20060102-150405")+".log") }),
		keys.Do(k.Clear, func() { p.filter = filter{}; p.refilter() }),
	}
}

// press acts on a key.
func (p *Pane) press(m tea.KeyPressMsg) (cmd tea.Cmd) {
	switch {
	case p.prompt.open():
		return p.typed(m)
	case p.request != nil:
		p.pressInRequest(m)
	default:
		cmd, _ = keys.Press(m, p.actions())
	}
	return cmd
}
