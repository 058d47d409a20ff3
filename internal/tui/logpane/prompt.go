package logpane

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/field"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/notice"
)

// asks is what a prompt asks for.
type asks uint8

const (
	asksNothing asks = iota
	asksSearch
	asksTime
	asksFile
)

var labels = [...]string{asksSearch: "/", asksTime: "go to (12:34, 5m ago, RFC 3339): ", asksFile: "save as: "}

// prompt is the line at the bottom in which something is typed.
type prompt struct {
	asks  asks
	input field.Field
	live  *pattern // of a search that is being typed: highlighted already
	wrong string   // why the text is invalid
}

func (q *prompt) open() bool { return q.asks != asksNothing }

// maxTyped bounds what is typed or pasted.
const maxTyped = 512

func (p *Pane) ask(what asks, text string) {
	p.prompt = prompt{asks: what, input: field.New(text, maxTyped), live: p.filter.search}
}

// room is how many cells there are to type in.
func (p *Pane) room() int { return max(p.width-len(labels[p.prompt.asks]), 1) }

// typed acts on what is typed into the prompt.
func (p *Pane) typed(m tea.Msg) tea.Cmd {
	if press, ok := m.(tea.KeyPressMsg); ok {
		switch {
		case keys.Matches(press, p.keys.Prompt.Cancel):
			p.prompt = prompt{}
			return nil
		case keys.Matches(press, p.keys.Prompt.Accept):
			return p.accept()
		}
	}
	if p.prompt.input.Type(m) {
		p.prompt.wrong = ""
		if p.prompt.asks == asksSearch {
			p.searchTyped(p.prompt.input.Value())
		}
	}
	return nil
}

func (p *Pane) searchTyped(text string) {
	if text == "" {
		p.prompt.live = nil
		return
	}
	found, err := compile(text)
	if err != nil {
		p.prompt.wrong = draw.Safe(err.Error())
		return
	}
	p.prompt.live = found
}

// accept acts on what was typed. Invalid text leaves the prompt open, with the reason.
func (p *Pane) accept() tea.Cmd {
	text := strings.TrimSpace(p.prompt.input.Value())
	switch p.prompt.asks {
	case asksSearch:
		return p.search(p.prompt.input.Value())
	case asksTime:
		if text == "" {
			p.prompt = prompt{}
			return nil
		}
		at, err := readTime(text, p.clock())
		if err != nil {
			p.prompt.wrong = draw.Safe(err.Error())
			return nil
		}
		p.prompt = prompt{}
		return p.jump(at)
	case asksFile:
		p.prompt = prompt{}
		if text != "" {
			return p.save(text)
		}
	}
	return nil
}

// search puts a search in force; an empty one ends it.
func (p *Pane) search(text string) tea.Cmd {
	var found *pattern
	if text != "" {
		var err error
		if found, err = compile(text); err != nil {
			p.prompt.wrong = draw.Safe(err.Error())
			return notice.Say(notice.Warn, "not a regular expression: "+p.prompt.wrong)
		}
	}
	p.prompt = prompt{}
	p.filter.search = found
	switch {
	case p.filter.only:
		p.filter.only = found != nil
		p.refilter()
	case found != nil && p.paused:
		if rec, ok := p.current(); ok && !found.matches(rec.Text) {
			return p.find(1)
		}
	}
	return nil
}

// Cursor is where text is being typed.
func (p *Pane) Cursor() *tea.Cursor {
	if !p.prompt.open() || p.height < 1 || p.width < 1 {
		return nil
	}
	_, cell := p.prompt.input.Window(p.room())
	return tea.NewCursor(min(cell+len(labels[p.prompt.asks]), p.width-1)+1, p.height) // the last row inside the frame
}
