package logpane

import "stackctl.dev/stackctl/internal/tui/theme"

// palette are the styles of a theme as sequences.
type palette struct {
	text, muted, faint, warn, bad, selected, match paint
	services                                       map[string]paint
}

func (p *Pane) palette(t *theme.Theme) *palette {
	if p.drawn.theme != t {
		p.drawn.theme = t
		p.drawn.palette = palette{
			text: paintOf(t.Text), muted: paintOf(t.Muted), faint: paintOf(t.Faint), warn: paintOf(t.Warn), bad: paintOf(t.Bad),
			selected: paintOf(t.Selected), match: paintOf(t.Match), services: map[string]paint{},
		}
	}
	return &p.drawn.palette
}

func (c *palette) service(t *theme.Theme, name string) paint {
	found, ok := c.services[name]
	if !ok {
		if len(c.services) >= maxServices {
			clear(c.services)
		}
		found = paintOf(t.Service(name))
		c.services[name] = found
	}
	return found
}
