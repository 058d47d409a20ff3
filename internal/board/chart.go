package board

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/dashboards"
)

// Point is a value at a time.
type Point struct {
	At    time.Time
	Value float64
}

// Series are the points of one line, in the order of time.
type Series struct {
	Name   string
	Points []Point
}

// Mark is an event on the time axis.
type Mark struct {
	At         time.Time
	Sign       string
	Name, Text string
}

// chart is what is drawn of a panel. Styles are those of page.css.
type chart struct {
	id          string // unique on the page
	title       string
	unit        dashboards.Unit
	start, end  time.Time
	step        time.Duration
	series      []Series
	marks       []Mark
	max         float64
	limit       *dashboards.Limit
	low, high   float64 // of the data
	left, right float64
	axis        axis
}

// The size of a chart and what is beside the plot, in CSS pixels where the page does not scale it.
const (
	width, height   = 620.0, 220.0
	top, bottom     = 22.0, 24.0
	charWidth       = 6.4 // of a label, about
	labelGap        = 11.0
	mostColumns     = 90 // places for the pointer
	mostSeries      = 8  // that can be told apart
	letterOfFirst   = 'A'
	mostTimeTicks   = 8
	mostDescription = 8
)

func (c *chart) x(t time.Time) float64 {
	return c.left + (width-c.left-c.right)*float64(t.Sub(c.start))/float64(c.end.Sub(c.start))
}

func (c *chart) y(value float64) float64 {
	return top + (height-top-bottom)*(c.axis.high-value)/(c.axis.high-c.axis.low)
}

// svg draws the chart.
func (c *chart) svg() markup {
	c.low, c.high = bounds(c.series)
	high := max(c.high, c.max)
	if c.limit != nil && c.limit.Value < 4*c.high {
		high = max(high, c.limit.Value) // a limit that is far away would flatten the lines
	}
	c.axis = newAxis(c.low, high, c.unit)
	_, labels := c.axis.ticks()
	for _, label := range labels {
		c.left = max(c.left, float64(len([]rune(label)))*charWidth+14)
	}
	c.right = 10
	if len(c.series) > 1 {
		c.right = 24
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %g %g" role="img" aria-labelledby="%s-t %s-d">`, width, height, c.id, c.id)
	fmt.Fprintf(&b, `<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`, c.id, html.EscapeString(c.title), c.id, html.EscapeString(c.describe()))
	c.drawAxes(&b)
	c.drawMarks(&b)
	c.drawLimit(&b)
	for i, s := range c.series {
		c.drawSeries(&b, i, s)
	}
	c.drawLetters(&b)
	c.drawColumns(&b)
	b.WriteString("</svg>")
	return markup(b.String())
}

// describe says in words what the lines show, for those who do not see them.
func (c *chart) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "From %s to %s.", c.start.Format(time.DateTime), c.end.Format(time.DateTime))
	for _, s := range c.series {
		_, high := bounds([]Series{s})
		fmt.Fprintf(&b, " %s: last %s, greatest %s.", s.Name, text(s.last(), c.unit), text(high, c.unit))
	}
	for i, m := range c.marks {
		if i == mostDescription {
			fmt.Fprintf(&b, " %d more events.", len(c.marks)-i)
			break
		}
		fmt.Fprintf(&b, " %s at %s: %s.", m.Name, m.At.Format(time.TimeOnly), m.Text)
	}
	return b.String()
}

func (c *chart) drawAxes(b *strings.Builder) {
	values, labels := c.axis.ticks()
	for i, value := range values {
		y := c.y(value)
		class := "grid"
		if value == 0 {
			class = "zero"
		}
		fmt.Fprintf(b, `<path class="%s" d="M%.1f %.1fH%.1f"/><text class="tick end" x="%.1f" y="%.1f">%s</text>`,
			class, c.left, y, width-c.right, c.left-6, y+3.8, html.EscapeString(labels[i]))
	}
	if words := caption(c.unit); words != "" {
		fmt.Fprintf(b, `<text class="tick" x="0" y="9">%s</text>`, html.EscapeString(words))
	}
	at, labels := timeTicks(c.start, c.end, mostTimeTicks)
	for i, t := range at {
		x, anchor := c.x(t), "middle"
		switch {
		case x < c.left+16:
			anchor = "start"
		case x > width-16:
			anchor = "end"
		}
		fmt.Fprintf(b, `<path class="notch" d="M%.1f %.1fv4"/><text class="tick %s" x="%.1f" y="%.1f">%s</text>`,
			x, height-bottom, anchor, x, height-6, labels[i])
	}
}

// drawMarks draws a line for each event; the sign on its top says the kind.
func (c *chart) drawMarks(b *strings.Builder) {
	last := math.Inf(-1)
	for _, m := range c.marks {
		x := c.x(m.At)
		fmt.Fprintf(b, `<g class="mark %s"><title>%s</title><path d="M%.1f %.1fV%.1f"/>`,
			class(m.Name), html.EscapeString(m.At.Format(time.TimeOnly)+" "+m.Name+": "+m.Text), x, top-6, height-bottom)
		if x-last > labelGap { // signs that would lie on each other
			fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%s</text>`, x, top-8, html.EscapeString(m.Sign))
			last = x
		}
		b.WriteString("</g>")
	}
}

// class makes a class of what is one of ours already, so that nothing else can come into an attribute.
func class(name string) string {
	for _, e := range dashboards.Events {
		if e.Name == name {
			return "m-" + name
		}
	}
	return "m-other"
}

func (c *chart) drawLimit(b *strings.Builder) {
	if c.limit == nil || c.limit.Value > c.axis.high || c.limit.Value < c.axis.low {
		return
	}
	y := c.y(c.limit.Value)
	fmt.Fprintf(b, `<path class="limit" d="M%.1f %.1fH%.1f"/><text class="limit" x="%.1f" y="%.1f">%s</text>`,
		c.left, y, width-c.right, c.left+4, y-3, html.EscapeString(c.limit.Label+" "+text(c.limit.Value, c.unit)))
}

// drawSeries draws a line that is broken where points are missing. A point alone is a dot.
func (c *chart) drawSeries(b *strings.Builder, i int, s Series) {
	for run := range runs(s.Points, c.step) {
		var line strings.Builder
		for j, p := range run {
			verb := "L"
			if j == 0 {
				verb = "M"
			}
			fmt.Fprintf(&line, "%s%.1f %.1f", verb, c.x(p.At), c.y(p.Value))
		}
		first, last := run[0], run[len(run)-1]
		if len(run) == 1 {
			fmt.Fprintf(b, `<circle class="s%d dot" cx="%.1f" cy="%.1f" r="2"/>`, i, c.x(first.At), c.y(first.Value))
			continue
		}
		if len(c.series) == 1 {
			fmt.Fprintf(b, `<path class="area a%d" d="%sL%.1f %.1fL%.1f %.1fZ"/>`, i, line.String(), c.x(last.At), c.y(0), c.x(first.At), c.y(0))
		}
		fmt.Fprintf(b, `<path class="line s%d" d="%s"/>`, i, line.String())
	}
}

// runs are the points without a gap between them.
func runs(points []Point, step time.Duration) func(yield func([]Point) bool) {
	return func(yield func([]Point) bool) {
		begin := 0
		for i := 1; i <= len(points); i++ {
			if i < len(points) && points[i].At.Sub(points[i-1].At) <= step*3/2 {
				continue
			}
			if !yield(points[begin:i]) {
				return
			}
			begin = i
		}
	}
}

// drawLetters writes the letter of each line at its end, so that nobody has to tell colours apart. Letters do not overlap.
func (c *chart) drawLetters(b *strings.Builder) {
	if len(c.series) < 2 {
		return
	}
	type letter struct {
		i    int
		x, y float64
	}
	var letters []letter
	for i, s := range c.series {
		if len(s.Points) > 0 {
			p := s.Points[len(s.Points)-1]
			letters = append(letters, letter{i, c.x(p.At), c.y(p.Value)})
		}
	}
	slices.SortStableFunc(letters, func(a, b letter) int { return cmp.Compare(a.y, b.y) })
	for i := 1; i < len(letters); i++ {
		letters[i].y = max(letters[i].y, letters[i-1].y+labelGap)
	}
	end := height - bottom + 2
	for i := len(letters) - 1; i >= 0; i-- {
		letters[i].y = min(letters[i].y, end)
		end = letters[i].y - labelGap
	}
	for _, l := range letters {
		fmt.Fprintf(b, `<text class="letter t%d" x="%.1f" y="%.1f">%s</text>`, l.i, l.x+6, l.y+3.8, letterOf(l.i))
	}
}

func letterOf(i int) string { return string(rune(letterOfFirst + i)) }

// drawColumns draws a strip for each place of the pointer, which shows a line there and has the values as its title.
func (c *chart) drawColumns(b *strings.Builder) {
	steps := int(c.end.Sub(c.start) / c.step)
	every := max(1, (steps+mostColumns)/mostColumns)
	wide := (width - c.left - c.right) / float64(steps) * float64(every)
	next := make([]int, len(c.series))
	for i := 0; i <= steps; i += every {
		at := c.start.Add(time.Duration(i) * c.step)
		title := at.Format(time.TimeOnly)
		for j, s := range c.series {
			for next[j] < len(s.Points) && s.Points[next[j]].At.Before(at) {
				next[j]++
			}
			if next[j] < len(s.Points) && s.Points[next[j]].At.Sub(at) < c.step {
				title += "\n" + s.Name + "  " + text(s.Points[next[j]].Value, c.unit)
			}
		}
		x := c.x(at)
		fmt.Fprintf(b, `<g class="at"><title>%s</title><rect x="%.1f" y="%g" width="%.1f" height="%g"/><path d="M%.1f %gV%g"/></g>`,
			html.EscapeString(title), x-wide/2, top, wide, height-top-bottom, x, top, height-bottom)
	}
}
