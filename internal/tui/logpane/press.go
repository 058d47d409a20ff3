package logpane

import (
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/notice"
)

// press acts on a key.
func (p *Pane) press(m tea.KeyPressMsg) tea.Cmd {
	if p.prompt.open() {
		return p.typed(m)
	}
	if p.request != nil {
		p.pressInRequest(m)
		return nil
	}
	if p.pressToMove(m) || p.pressToShow(m) {
		return nil
	}
	k := p.keys.Logs
	switch {
	case keys.Matches(m, k.Search):
		text := ""
		if p.filter.search != nil {
			text = p.filter.search.text
		}
		p.ask(asksSearch, text)
	case keys.Matches(m, k.Jump):
		p.ask(asksTime, "")
	case keys.Matches(m, k.Save):
		p.ask(asksFile, "stackctl-logs-"+p.clock().Format("20060102-150405")+".log")
	case keys.Matches(m, k.Next):
		return p.find(1)
	case keys.Matches(m, k.Previous):
		return p.find(-1)
	case keys.Matches(m, k.OnlyMatches):
		if p.filter.search == nil {
			return notice.Say(notice.Info, "no search yet: / begins one")
		}
		p.filter.only = !p.filter.only
		p.refilter()
	case keys.Matches(m, k.Request):
		return p.openRequest()
	}
	return nil
}

// pressToMove reports whether the key was one to move with.
func (p *Pane) pressToMove(m tea.KeyPressMsg) bool {
	k := p.keys.Logs
	page := max(p.geometry().height-1, 1)
	switch {
	case keys.Matches(m, k.Up):
		p.move(-1)
	case keys.Matches(m, k.Down):
		if p.paused {
			p.move(1)
		}
	case keys.Matches(m, k.PageUp):
		p.scroll(-page)
	case keys.Matches(m, k.PageDown):
		if p.paused {
			p.scroll(page)
		}
	case keys.Matches(m, k.Top):
		if p.index.len() > 0 {
			p.goTo(p.index.at(0), false)
		}
	case keys.Matches(m, k.Bottom):
		p.follow()
	case keys.Matches(m, k.Left):
		p.shift = max(p.shift-shiftBy, 0)
	case keys.Matches(m, k.Right):
		if !p.wrap {
			p.shift = min(p.shift+shiftBy, maxText)
		}
	case keys.Matches(m, k.Follow):
		if p.paused {
			p.follow()
		} else {
			p.pause()
		}
	default:
		return false
	}
	return true
}

// shiftBy is how many cells left and right move.
const shiftBy = 16

// pressToShow reports whether the key was one that changes what is shown, and how.
func (p *Pane) pressToShow(m tea.KeyPressMsg) bool {
	k := p.keys.Logs
	switch {
	case keys.Matches(m, k.Service):
		p.nextService()
	case keys.Matches(m, k.Level):
		p.nextLevel()
	case keys.Matches(m, k.Wrap):
		p.wrap, p.shift, p.top.row = !p.wrap, 0, 0
		p.settle()
	case keys.Matches(m, k.Timestamps):
		p.stamps, p.top.row = !p.stamps, 0
		p.settle()
	case keys.Matches(m, k.Compact):
		p.compact, p.top.row = !p.compact, 0
		p.settle()
	case keys.Matches(m, k.Clear):
		p.filter = filter{}
		p.refilter()
	default:
		return false
	}
	return true
}

// find goes to the next match after the cursor, or before it, and round at the ends. While following it begins at the newest line.
func (p *Pane) find(by int) tea.Cmd {
	search := p.filter.search
	if search == nil {
		return notice.Say(notice.Info, "no search yet: / begins one")
	}
	n := p.index.len()
	at := n
	if p.paused {
		at = p.index.search(p.cursor)
	} else {
		by = -1
	}
	for range n {
		at = (at + by + n) % n
		if search.matches(p.ring.at(p.index.at(at)).Text) {
			p.goTo(p.index.at(at), false)
			return nil
		}
	}
	return notice.Say(notice.Warn, "no line in memory matches "+plain(search.text))
}
