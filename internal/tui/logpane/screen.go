package logpane

import (
	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
)

// spot is a row on the screen: a line, and which of its rows where it is wrapped.
type spot struct {
	seq uint64
	row int
}

// rows returns how many rows a line takes.
func (p *Pane) rows(seq uint64, g geometry) int {
	if !p.wrap {
		return 1
	}
	return len(draw.Folds(p.ring.at(seq).shown(p.compact), g.text))
}

// spots returns what the rows of the screen show, from the top; while following, the newest line is last.
func (p *Pane) spots(g geometry) []spot {
	if p.paused {
		return p.below(p.top, g)
	}
	return p.above(p.index.len()-1, g)
}

// below fills the screen from a row on.
func (p *Pane) below(from spot, g geometry) []spot {
	var out []spot
	for i := p.index.search(from.seq); i < p.index.len() && len(out) < g.height; i++ {
		seq := p.index.at(i)
		first := 0
		if seq == from.seq {
			first = from.row
		}
		for row, n := first, p.rows(seq, g); row < n && len(out) < g.height; row++ {
			out = append(out, spot{seq, row})
		}
	}
	return out
}

// above fills the screen up to the last row of the line at a position of the index.
func (p *Pane) above(last int, g geometry) []spot {
	out := make([]spot, g.height)
	at := g.height
	for i := last; i >= 0 && at > 0; i-- {
		seq := p.index.at(i)
		for row := p.rows(seq, g) - 1; row >= 0 && at > 0; row-- {
			at--
			out[at] = spot{seq, row}
		}
	}
	return out[at:]
}

// pause stops where the screen is, with the cursor on the newest line.
func (p *Pane) pause() {
	if p.paused || p.index.len() == 0 {
		return
	}
	shown := p.spots(p.geometry())
	p.paused = true
	p.seen = p.ring.next
	p.cursor = p.index.last()
	p.top = spot{seq: p.cursor}
	if len(shown) > 0 {
		p.top = shown[0]
	}
}

// follow goes to the newest line.
func (p *Pane) follow() {
	if p.paused {
		p.paused = false
		p.showNewest()
	}
}

func (p *Pane) toggle() {
	if p.paused {
		p.follow()
	} else {
		p.pause()
	}
}

// showNewest counts as missed what came since the last look and does not fit on the screen with the newest line.
func (p *Pane) showNewest() {
	p.missed += max(0, p.fresh()-p.fits())
	p.seen = p.ring.next
}

// fits is how many lines the screen shows while following.
func (p *Pane) fits() int {
	g := p.geometry()
	if !p.wrap {
		return max(g.height, 1)
	}
	n, last := 0, ^uint64(0)
	for _, s := range p.spots(g) {
		if s.seq != last {
			n, last = n+1, s.seq
		}
	}
	return max(n, 1)
}

// fresh is how many lines of the list came while paused and were not on the screen yet.
func (p *Pane) fresh() int { return p.index.len() - p.index.search(p.seen) }

// stay keeps cursor and screen on lines that are in the list.
func (p *Pane) stay() {
	if !p.paused {
		return
	}
	if p.index.len() == 0 { // nothing to stay at
		p.paused, p.seen = false, p.ring.next
		return
	}
	p.cursor = p.index.at(min(p.index.search(p.cursor), p.index.len()-1))
	if i := p.index.search(p.top.seq); i == p.index.len() || p.index.at(i) != p.top.seq {
		p.top = spot{seq: p.index.at(min(i, p.index.len()-1))}
	}
	p.look()
}

// look moves the screen so that the cursor's line is on it, and notes what was seen.
func (p *Pane) look() {
	g := p.geometry()
	if g.height == 0 {
		return
	}
	at := p.index.search(p.cursor)
	switch {
	case p.cursor < p.top.seq:
		p.top = spot{seq: p.cursor}
	case p.cursor > p.top.seq:
		shown := p.above(at, g)
		if first := shown[0]; first.seq > p.top.seq || first.seq == p.top.seq && first.row > p.top.row {
			p.top = first
			if first.seq == p.cursor { // it is higher than the screen: show its beginning
				p.top.row = 0
			}
		}
	}
	p.saw(p.below(p.top, g))
}

// saw notes what was on the screen.
func (p *Pane) saw(shown []spot) {
	if len(shown) > 0 {
		p.seen = max(p.seen, shown[len(shown)-1].seq+1)
	}
}

// hold pauses for a movement, unless it is down while following: nothing is below the newest line.
func (p *Pane) hold(by int) bool {
	if by < 0 {
		p.pause()
	}
	return p.paused
}

// move moves the cursor by lines. A line that is higher than the screen is scrolled first.
func (p *Pane) move(by int) {
	if !p.hold(by) {
		return
	}
	if p.wrap && p.top.seq == p.cursor && (by == 1 || by == -1) {
		g := p.geometry()
		if rest := p.rows(p.cursor, g) - p.top.row; by == 1 && rest > g.height || by == -1 && p.top.row > 0 {
			p.top.row += by
			return
		}
	}
	at := min(max(p.index.search(p.cursor)+by, 0), p.index.len()-1)
	p.cursor = p.index.at(at)
	p.look()
}

// scroll moves the screen by rows, and the cursor with it if it would leave the screen.
func (p *Pane) scroll(by int) {
	g := p.geometry()
	if !p.hold(by) || g.height == 0 {
		return
	}
	for ; by < 0; by++ {
		if p.top.row > 0 {
			p.top.row--
		} else if i := p.index.search(p.top.seq); i > 0 {
			seq := p.index.at(i - 1)
			p.top = spot{seq, p.rows(seq, g) - 1}
		}
	}
	for ; by > 0; by-- {
		if shown := p.below(p.top, g); len(shown) < g.height || p.end(shown[len(shown)-1], g) {
			break
		}
		if p.top.row++; p.top.row >= p.rows(p.top.seq, g) {
			p.top = spot{seq: p.index.at(p.index.search(p.top.seq) + 1)}
		}
	}
	if shown := p.below(p.top, g); len(shown) > 0 {
		p.cursor = min(max(p.cursor, shown[0].seq), shown[len(shown)-1].seq)
		p.saw(shown)
	}
}

// end reports whether a row is the last of all.
func (p *Pane) end(s spot, g geometry) bool {
	return s.seq == p.index.last() && s.row == p.rows(s.seq, g)-1
}

// goTo pauses at a line; center puts some of what was before it on the screen too.
func (p *Pane) goTo(seq uint64, center bool) {
	p.pause()
	p.cursor = seq
	if center {
		before := max(p.index.search(seq)-p.geometry().height/3, 0)
		p.top = spot{seq: p.index.at(before)}
	}
	p.look()
}

func (p *Pane) goToOldest() {
	if p.index.len() > 0 {
		p.goTo(p.index.at(0), false)
	}
}

// layOut adapts the screen to lines that take other rows than before: it begins with a whole line.
func (p *Pane) layOut() {
	p.top.row = 0
	p.stay()
}

const wheelRows = 3

func (p *Pane) wheel(m tea.MouseWheelMsg) {
	by := wheelRows * keys.Wheel(m)
	if p.request != nil {
		p.request.scroll(by)
	} else {
		p.scroll(by)
	}
}

func (p *Pane) click(m tea.MouseClickMsg) {
	if p.request != nil || p.prompt.open() || m.Button != tea.MouseLeft {
		return
	}
	if shown := p.spots(p.geometry()); m.Y >= 0 && m.Y < len(shown) {
		seq := shown[m.Y].seq
		p.pause()
		p.cursor = seq
	}
}
