package modal

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// Page is a text to read.
type Page struct {
	keys   keys.Map
	title  string
	lines  func(t *theme.Theme, width int) []string
	scroll scroller
}

var _ Modal = (*Page)(nil)

// Update scrolls; esc, q and ? close.
func (p *Page) Update(msg tea.Msg) (tea.Cmd, bool) {
	if press, ok := msg.(tea.KeyPressMsg); ok && keys.Matches(press, p.keys.Global.Back, p.keys.Global.Quit, p.keys.Global.Help, p.keys.Services.Details) {
		return nil, true
	}
	p.scroll.key(msg, p.keys.Logs)
	return nil, false
}

// Hints are its keys.
func (p *Page) Hints() []key.Binding {
	return []key.Binding{p.keys.Logs.Up, p.keys.Logs.Down, p.keys.Logs.PageDown, p.keys.Global.Back}
}

// View draws it.
func (p *Page) View(t *theme.Theme, width, height int) string {
	return box(t, &p.scroll, p.title, p.lines(t, width-4), width, height)
}

// Group is a heading of the help, with its keys.
type Group struct {
	Title string
	Keys  []key.Binding
}

// Help lists all keys.
func Help(k keys.Map, groups []Group) *Page {
	return &Page{keys: k, title: "? keys", lines: func(t *theme.Theme, _ int) []string {
		var lines []string
		for i, g := range groups {
			if i > 0 {
				lines = append(lines, "")
			}
			lines = append(lines, " "+t.Title.Render(g.Title))
			for _, b := range g.Keys {
				if b.Enabled() {
					lines = append(lines, "  "+t.Accent.Render(draw.Left(b.Help().Key, 11))+" "+t.Text.Render(b.Help().Desc))
				}
			}
		}
		return lines
	}}
}

// Details describes a container.
func Details(k keys.Map, d watch.Details) *Page {
	return &Page{keys: k, title: draw.Safe(d.Name), lines: func(t *theme.Theme, width int) []string {
		var lines []string
		for i, s := range d.Sections {
			if i > 0 {
				lines = append(lines, "")
			}
			lines = append(lines, " "+t.Title.Render(s.Title))
			for _, r := range s.Rows {
				lines = append(lines, "  "+t.Muted.Render(draw.Left(draw.Safe(r.Name), min(22, max(width/3, 4))))+" "+t.Text.Render(draw.Safe(r.Value)))
			}
		}
		return lines
	}}
}
