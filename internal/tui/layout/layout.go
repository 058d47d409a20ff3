// Package layout divides the screen among the panes: one pure function from its size to rectangles.
package layout

import "slices"

// Rect is a rectangle of cells; the zero Rect is a pane that has no room.
type Rect struct{ X, Y, W, H int }

// Empty reports whether nothing can be drawn in it.
func (r Rect) Empty() bool { return r.W <= 0 || r.H <= 0 }

// Contains reports whether a cell lies in it.
func (r Rect) Contains(x, y int) bool { return x >= r.X && x < r.X+r.W && y >= r.Y && y < r.Y+r.H }

// Pane is the number of a pane, in the order in which tab visits them.
type Pane int

// Place is where a pane stands. Panes of the same place share it: the one that had the focus last is in front.
type Place uint8

// The places; the names say where they are on a screen of middle size.
const (
	TopLeft Place = iota
	TopRight
	Middle
	Bottom
)

// Fronts are the panes in front, by Place.
type Fronts [Bottom + 1]Pane

// Below this there is only a line that says so.
const (
	MinWidth  = 60
	MinHeight = 15
)

// Want is what the screen is divided for.
type Want struct {
	Width, Height int
	Focus         Pane
	Zoom          bool    // the focused pane takes all
	Places        []Place // of the panes, by Pane
	Fronts        Fronts
	Rows          int // containers in the list of services
	// SplitX and SplitY are how far the mouse has dragged the dividers from their own places, in cells.
	SplitX, SplitY int
}

// Screen is the division. Rectangles never overlap and never leave the screen.
type Screen struct {
	TooSmall bool
	Header   Rect
	Panes    []Rect
	Hints    Rect
	// DividerX is the column, DividerY the row at which the mouse can drag; -1 for none.
	DividerX, DividerY int
}

// Arrange divides the screen. With less room, places are merged: the focused pane is shown, or the one that matters most.
func Arrange(w Want) Screen {
	s := Screen{DividerX: -1, DividerY: -1, Panes: make([]Rect, len(w.Places))}
	if w.Width < MinWidth || w.Height < MinHeight {
		s.TooSmall = true
		return s
	}
	head := 2
	if w.Height < 20 {
		head = 1
	}
	s.Header = Rect{0, 0, w.Width, head}
	s.Hints = Rect{0, w.Height - 1, w.Width, 1}
	body := Rect{0, head, w.Width, w.Height - head - 1}
	switch {
	case w.Zoom:
		s.Panes[w.Focus] = body
	case w.Width >= 150 && body.H >= 30:
		s.columns(w, body)
	case w.Width >= 100 && body.H >= 30:
		s.stacked(w, body)
	case w.Width >= 80:
		s.paired(w, body)
	default:
		s.folded(w, body)
	}
	return s
}

// give puts one pane of the places into r: the focused one, or else the one in front at the first place.
func (s *Screen) give(w Want, r Rect, places ...Place) {
	pane := w.Fronts[places[0]]
	if slices.Contains(places, w.Places[w.Focus]) {
		pane = w.Focus
	}
	s.Panes[pane] = r
}

// columns is for large screens: visits above redis at the left, services above logs at the right.
func (s *Screen) columns(w Want, body Rect) {
	left := clamp(body.W*36/100+w.SplitX, 40, body.W-70)
	top := clamp(max(w.Rows+3, 8)+w.SplitY, 5, body.H/2)
	visits := clamp(body.H*45/100, 14, body.H-10)
	s.give(w, Rect{body.X, body.Y, left, visits}, TopLeft)
	s.give(w, Rect{body.X, body.Y + visits, left, body.H - visits}, Bottom)
	s.give(w, Rect{body.X + left, body.Y, body.W - left, top}, TopRight)
	s.give(w, Rect{body.X + left, body.Y + top, body.W - left, body.H - top}, Middle)
	s.DividerX, s.DividerY = body.X+left, body.Y+top
}

// stacked has visits beside services, below them the logs, and redis at the bottom.
func (s *Screen) stacked(w Want, body Rect) {
	top := clamp(max(w.Rows+3, 12)+w.SplitY, 8, body.H/2-2)
	s.top(w, body, top)
	redis := clamp(body.H/4, 7, 12)
	rest := body.H - top - redis
	s.give(w, Rect{body.X, body.Y + top, body.W, rest}, Middle)
	s.give(w, Rect{body.X, body.Y + top + rest, body.W, redis}, Bottom)
	s.DividerY = body.Y + top
}

// paired has visits beside services, and one place for logs and redis.
func (s *Screen) paired(w Want, body Rect) {
	top := clamp(max(w.Rows+3, 8)+w.SplitY, 6, body.H/2)
	s.top(w, body, top)
	s.give(w, Rect{body.X, body.Y + top, body.W, body.H - top}, Middle, Bottom)
	s.DividerY = body.Y + top
}

func (s *Screen) top(w Want, body Rect, height int) {
	left := clamp(body.W*38/100+w.SplitX, 28, body.W-40)
	s.give(w, Rect{body.X, body.Y, left, height}, TopLeft)
	s.give(w, Rect{body.X + left, body.Y, body.W - left, height}, TopRight)
	s.DividerX = body.X + left
}

// folded has one place for visits and services, and one for logs and redis.
func (s *Screen) folded(w Want, body Rect) {
	top := clamp(w.Rows+3+w.SplitY, 5, body.H/2)
	if w.Places[w.Focus] == TopLeft {
		top = max(top, body.H/2)
	}
	s.give(w, Rect{body.X, body.Y, body.W, top}, TopRight, TopLeft)
	s.give(w, Rect{body.X, body.Y + top, body.W, body.H - top}, Middle, Bottom)
	s.DividerY = body.Y + top
}

// clamp keeps n between least and most; least wins.
func clamp(n, least, most int) int { return max(min(n, most), least) }

// At returns the pane at a cell.
func (s Screen) At(x, y int) (Pane, bool) {
	for p, r := range s.Panes {
		if r.Contains(x, y) {
			return Pane(p), true
		}
	}
	return 0, false
}
