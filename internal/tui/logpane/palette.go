package logpane

import (
	"strings"

	"charm.land/lipgloss/v2"

	"stackctl.dev/stackctl/internal/tui/theme"
)

// palette are the styles of a theme as sequences.
type palette struct {
	text, muted, faint, warn, bad, selected, match paint
	services                                       map[string]paint
}

func (p *Pane) paletteOf(t *theme.Theme) *palette {
	if p.painted != t {
		p.painted = t
		p.palette = palette{
			text: paintOf(t.Text), muted: paintOf(t.Muted), faint: paintOf(t.Faint), warn: paintOf(t.Warn), bad: paintOf(t.Bad),
			selected: paintOf(t.Selected), match: paintOf(t.Match), services: map[string]paint{},
		}
	}
	return &p.palette
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

// paint is a style as the sequences before and after its text: rendering every piece of every row would cost too much.
type paint struct{ on, off string }

func paintOf(s lipgloss.Style) paint {
	on, off, _ := strings.Cut(s.Render("x"), "x")
	return paint{on, off}
}

func (c paint) write(b *strings.Builder, text string) {
	if text == "" {
		return
	}
	b.WriteString(c.on)
	b.WriteString(text)
	b.WriteString(c.off)
}

// highlight writes text[start:end], with the marked parts in another paint.
func highlight(b *strings.Builder, text string, start, end int, marks [][]int, base, mark paint) {
	at := start
	for _, m := range marks {
		from, to := max(m[0], at), min(m[1], end)
		if from >= to {
			continue
		}
		base.write(b, text[at:from])
		mark.write(b, text[from:to])
		at = to
	}
	base.write(b, text[at:max(at, end)])
}
