package logpane

import (
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// View draws the pane.
func (p *Pane) View(t *theme.Theme, width, height int, focused bool) string {
	p.resize(max(width-2, 0), max(height-2, 0))
	return draw.Box(t, p.frame(focused), p.lines(t, focused), width, height)
}

// resize notes the size: scrolling and clicks refer to what was drawn.
func (p *Pane) resize(width, height int) {
	if width == p.width && height == p.height {
		return
	}
	p.width, p.height = width, height
	p.layOut()
}

func (p *Pane) frame(focused bool) draw.Frame {
	title := p.title
	for _, word := range p.filter.words() {
		title += " · " + draw.Safe(word)
	}
	if p.wrap {
		title += " · wrapped"
	} else if p.shift > 0 {
		title += " · from column " + draw.Count(p.shift+1)
	}
	f := draw.Frame{Title: title, Status: p.status(), Footer: p.footer(), Focused: focused}
	if p.request != nil {
		f.Title = p.title + " · request " + p.request.id
		f.Footer = "esc back"
	}
	return f
}

func (p *Pane) status() string {
	switch {
	case p.lost != "":
		return "no logs: " + p.lost
	case p.paused:
		if n := p.fresh(); n > 0 {
			return "paused ▼ " + draw.Count(n) + " new"
		}
		return "paused"
	case p.rate > 0:
		return "following " + draw.Rate(p.rate) + "/s"
	}
	return "following"
}

func (p *Pane) footer() string {
	text := draw.Count(p.ring.len()) + " lines"
	if n := p.index.len(); n != p.ring.len() {
		text = draw.Count(n) + " of " + text
	}
	if p.missed > 0 {
		about := ""
		if p.estimated {
			about = "about "
		}
		text += " · " + about + draw.Count(p.missed) + " not shown"
	}
	return text
}

// geometry is how the inside of the frame is divided.
type geometry struct {
	height     int // rows for lines
	stamp      bool
	name, text int // cells
}

const (
	stampLayout = "15:04:05.000"
	// Below these widths the text needs the room more than what stands before it.
	widthForStamps = 60
	widthForNames  = 30
	nameAtMost     = 16
)

func (p *Pane) geometry() geometry {
	g := geometry{height: p.height, stamp: p.stamps && p.width >= widthForStamps}
	if p.prompt.open() {
		g.height = max(g.height-1, 0)
	}
	g.text = p.width - 4 // the cursor's sign, two signs, a blank
	if g.stamp {
		g.text -= len(stampLayout) + 1
	}
	if p.width >= widthForNames {
		g.name = min(p.names.width, nameAtMost, p.width/4)
		g.text -= g.name + 1
	}
	g.text = max(g.text, 1)
	return g
}

// lines draws the inside.
func (p *Pane) lines(t *theme.Theme, focused bool) []string {
	if p.height < 1 || p.width < 1 {
		return nil
	}
	if p.request != nil {
		return p.request.lines(t, p.width, p.height, p.clock().Location())
	}
	g := p.geometry()
	rows := make([]string, 0, p.height)
	var b strings.Builder
	c := p.paletteOf(t)
	var text string
	var marks [][]int
	var breaks []int
	last := ^uint64(0)
	for _, s := range p.spots(g) {
		rec := p.ring.at(s.seq)
		if s.seq != last {
			last = s.seq
			text = rec.shown(p.compact)
			marks = p.searching().marks(text)
			if p.wrap {
				breaks = draw.Folds(text, g.text)
			}
		}
		b.Reset()
		r := row{rec: rec, text: text, marks: marks, first: s.row == 0, under: p.paused && s.seq == p.cursor && focused}
		if p.wrap {
			r.start, r.end = breaks[s.row], len(text)
			if s.row+1 < len(breaks) {
				r.end = breaks[s.row+1]
			}
		} else {
			r.window(p.shift, g.text)
		}
		p.row(&b, t, c, g, r)
		rows = append(rows, b.String())
	}
	if len(rows) == 0 && p.height > 0 {
		rows = append(rows, t.Muted.Render(p.nothing()))
	}
	if p.prompt.open() {
		rows = draw.Fit(rows, p.width, p.height-1)
		rows = append(rows, p.promptLine(t))
	}
	return rows
}

// searching is the search that is highlighted: also one that is still being typed.
func (p *Pane) searching() *pattern {
	if p.prompt.asks == asksSearch {
		return p.prompt.live
	}
	return p.filter.search
}

func (p *Pane) nothing() string {
	switch {
	case p.ring.len() > 0:
		return "no line matches the filters: c clears them"
	case p.lost != "":
		return "the logs cannot be read yet: trying again"
	}
	return "no lines yet"
}

func (p *Pane) promptLine(t *theme.Theme) string {
	typed, _ := p.prompt.input.Window(p.room())
	line := t.Accent.Render(labels[p.prompt.asks]) + t.Text.Render(typed)
	if p.prompt.wrong != "" {
		line = draw.Cut(line, max(p.width/2, 1)) + t.Bad.Render("  "+p.prompt.wrong)
	}
	return line
}

// row is one row of a line.
type row struct {
	rec              *record
	text             string
	marks            [][]int
	first            bool // it has the line's time and name
	under            bool // the cursor is on it
	start, end, lead int  // what of text is in it, after lead blanks
	more             bool // text goes on after it
}

func (r *row) window(x, width int) {
	r.start, r.end, r.lead = draw.Window(r.text, x, width)
	if r.end < len(r.text) && width > 1 {
		r.start, r.end, r.lead = draw.Window(r.text, x, width-1)
		r.more = true
	}
}

func (p *Pane) row(b *strings.Builder, t *theme.Theme, c *palette, g geometry, r row) {
	look := p.ring.levelOf(r.rec)
	base, name, faint, sign := c.text, c.service(t, r.rec.Service), c.faint, c.muted
	switch look {
	case failure:
		base, sign = c.bad, c.bad
	case warning, limited:
		base, sign = c.warn, c.warn
	}
	pointer := " "
	if r.under {
		base, name, faint, sign, pointer = c.selected, c.selected, c.selected, c.selected, "▸"
	}
	faint.write(b, pointer)
	if g.stamp {
		stamp := strings.Repeat(" ", len(stampLayout)+1)
		if r.first {
			stamp = r.rec.Time.In(p.zone()).Format(stampLayout) + " "
		}
		faint.write(b, stamp)
	}
	if g.name > 0 {
		text := ""
		if r.first {
			text = p.names.of(&r.rec.Line)
		}
		name.write(b, draw.Left(text, g.name)+" ")
	}
	sign.write(b, signs(r.first, r.rec.Stderr, look))
	base.write(b, strings.Repeat(" ", r.lead))
	highlight(b, r.text, r.start, r.end, r.marks, base, c.match)
	if r.more {
		faint.write(b, draw.Ellipsis)
	} else if r.under {
		base.write(b, strings.Repeat(" ", max(g.text-r.lead-draw.Width(r.text[r.start:r.end]), 0)))
	}
}

// signs say without colour what the colour says.
func signs(first, stderr bool, l level) string {
	out := [2]string{" ", " "}
	if first && stderr {
		out[0] = "!"
	}
	if first && l == failure {
		out[1] = "✖"
	}
	if first && l == warning {
		out[1] = "▲"
	}
	if first && l == limited {
		out[1] = "⊘"
	}
	return out[0] + out[1] + " "
}

func (p *Pane) zone() *time.Location { return p.clock().Location() }
