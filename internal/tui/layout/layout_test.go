package layout

import (
	"testing"

	"pgregory.net/rapid"
)

// The panes of the dashboard, and one more that shares a place.
const (
	visits Pane = iota
	services
	logs
	redis
	fifth
)

var (
	names = []string{"visits", "services", "logs", "redis", "fifth"}
	five  = []Place{TopLeft, TopRight, Middle, Bottom, Bottom}
)

func (s Screen) all() []Rect {
	var rects []Rect
	for _, r := range append([]Rect{s.Header, s.Hints}, s.Panes...) {
		if r != (Rect{}) {
			rects = append(rects, r)
		}
	}
	return rects
}

func check(t interface {
	Fatalf(format string, args ...any)
}, w Want) {
	w.Places, w.Fronts = five, Fronts{visits, services, logs, redis}
	s := Arrange(w)
	if s.TooSmall {
		if w.Width >= MinWidth && w.Height >= MinHeight {
			t.Fatalf("%+v: too small", w)
		}
		return
	}
	covered := 0
	rects := s.all()
	for i, a := range rects {
		if a.Empty() || a.X < 0 || a.Y < 0 || a.X+a.W > w.Width || a.Y+a.H > w.Height {
			t.Fatalf("%+v: %+v leaves the screen", w, a)
		}
		for _, b := range rects[i+1:] {
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Fatalf("%+v: %+v and %+v overlap", w, a, b)
			}
		}
		covered += a.W * a.H
	}
	if covered != w.Width*w.Height {
		t.Fatalf("%+v: %d of %d cells are covered: %+v", w, covered, w.Width*w.Height, s)
	}
	if s.Panes[w.Focus].Empty() {
		t.Fatalf("%+v: the focused pane has no room", w)
	}
	if p := s.Panes[w.Focus]; p.H < 4 || p.W < 20 {
		t.Fatalf("%+v: the focused pane has only %+v", w, p)
	}
}

func TestEverySizeIsCoveredOnceAndNothingOverlaps(t *testing.T) {
	for width := range 221 {
		for height := range 71 {
			for focus := range Pane(len(five)) {
				for _, rows := range []int{0, 3, 50} {
					check(t, Want{Width: width, Height: height, Focus: focus, Rows: rows})
				}
				check(t, Want{Width: width, Height: height, Focus: focus, Rows: 3, Zoom: true})
			}
		}
	}
}

func TestDraggedDividersKeepEverythingOnTheScreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		check(t, Want{
			Width: rapid.IntRange(0, 400).Draw(t, "width"), Height: rapid.IntRange(0, 200).Draw(t, "height"),
			Focus: Pane(rapid.IntRange(0, len(five)-1).Draw(t, "focus")), Rows: rapid.IntRange(0, 300).Draw(t, "rows"),
			SplitX: rapid.IntRange(-500, 500).Draw(t, "splitX"), SplitY: rapid.IntRange(-500, 500).Draw(t, "splitY"),
		})
	})
}

func TestWhatHasRoom(t *testing.T) {
	for _, c := range []struct {
		width, height int
		focus         Pane
		want          []bool
	}{
		{200, 60, logs, []bool{true, true, true, true, false}},
		{120, 40, logs, []bool{true, true, true, true, false}},
		{80, 24, logs, []bool{true, true, true, false, false}},
		{80, 24, redis, []bool{true, true, false, true, false}},
		{200, 60, fifth, []bool{true, true, true, false, true}},
		{120, 40, fifth, []bool{true, true, true, false, true}},
		{80, 24, fifth, []bool{true, true, false, false, true}},
		{60, 15, fifth, []bool{false, true, false, false, true}},
		{60, 15, services, []bool{false, true, true, false, false}},
		{60, 15, visits, []bool{true, false, true, false, false}},
		{60, 15, redis, []bool{false, true, false, true, false}},
	} {
		s := Arrange(Want{Width: c.width, Height: c.height, Focus: c.focus, Places: five, Fronts: Fronts{visits, services, logs, redis}, Rows: 3})
		for p, want := range c.want {
			if got := !s.Panes[p].Empty(); got != want {
				t.Errorf("%dx%d, focus on %s: %s has room: %v", c.width, c.height, names[c.focus], names[p], got)
			}
		}
	}
}
