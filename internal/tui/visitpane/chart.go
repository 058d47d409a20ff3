package visitpane

import (
	"fmt"
	"math"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// signs mark events on the chart, each one cell wide.
var signs = map[watch.EventKind]string{
	watch.EventDeploy: "▲", watch.EventStart: "▸", watch.EventStop: "■", watch.EventRestart: "↻", watch.EventDie: "✖", watch.EventOOM: "✖",
	watch.EventHealth: "♥", watch.EventReload: "↺", watch.EventRemove: "▼", watch.EventReconnect: "≈", watch.EventScale: "±", watch.EventReset: "0", watch.EventWarning: "!",
}

// Sign is the sign of an event.
func Sign(k watch.EventKind) string {
	if s, ok := signs[k]; ok {
		return s
	}
	return "•"
}

const (
	span     = 300 // seconds on the chart
	maxMarks = 64
)

// chart is visits a second over the last minutes, and what happened on them.
type chart struct {
	seconds     [span]float64 // visits in each second, by Unix second modulo span
	since, upTo int64         // the Unix seconds that were written first and last
	marks       []watch.Event
	moved       time.Time // when it got something to show
}

// add spreads visits over the seconds between two readings.
func (c *chart) add(begin, end time.Time, visits int64) {
	from, to := begin.Unix(), end.Unix()
	if c.since == 0 {
		c.since, c.upTo = from, from
	}
	if to-from >= span { // too long ago to be on the chart
		c.seconds, c.since, c.upTo = [span]float64{}, to, to
		return
	}
	for s := c.upTo + 1; s <= to; s++ {
		c.seconds[s%span] = 0
	}
	c.upTo = max(c.upTo, to)
	each := float64(max(visits, 0)) / float64(max(to-from, 1))
	for s := min(from+1, to); s <= to; s++ {
		c.seconds[s%span] += each
	}
}

// mark puts an event on the chart.
func (c *chart) mark(e watch.Event) {
	if len(c.marks) == maxMarks {
		c.marks = append(c.marks[:0], c.marks[1:]...)
	}
	c.marks = append(c.marks, e)
	c.moved = e.At
}

// view draws visits a second over the last five minutes, and under it what happened when.
func (c *chart) view(t *theme.Theme, width, height int) []string {
	width = max(width-2, 1)
	step := int64((span + width - 1) / width)
	columns := int(min(int64(width), span/step))
	end := c.upTo / step // columns begin at multiples of step, so that they do not flicker
	values, most := make([]float64, columns), 0.0
	for i := range values {
		values[i] = c.mean(end-int64(columns-1-i), step)
		if values[i] > most {
			most = values[i]
		}
	}
	var lines []string
	for i, row := range draw.Bars(values, height-1) {
		label := ""
		if i == 0 && most > 0 { // over the first cells of the row
			label = draw.Rate(most) + "/s "
			cells := []rune(row)
			row = string(cells[min(len(label), len(cells)):])
			label = t.Muted.Render(label)
		}
		lines = append(lines, " "+label+t.Accent.Render(row))
	}
	return append(lines, " "+c.timeline(t, end, step, columns))
}

// mean is that of a column's seconds, NaN where nothing was read.
func (c *chart) mean(column, step int64) float64 {
	sum, n := 0.0, 0
	for s := column * step; s < (column+1)*step; s++ {
		if c.since != 0 && s >= c.since && s <= c.upTo && s > c.upTo-span {
			sum += c.seconds[s%span]
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

func (c *chart) timeline(t *theme.Theme, end, step int64, columns int) string {
	axis := []rune(strings.Repeat("─", columns))
	if columns > 16 {
		copy(axis, []rune(fmt.Sprintf("-%dm", span/60)))
		copy(axis[columns-3:], []rune("now"))
	}
	marks := make([]string, columns)
	for _, e := range c.marks {
		if i := int(e.At.Unix()/step-end) + columns - 1; i >= 0 && i < columns {
			marks[i] = Sign(e.Kind)
		}
	}
	line, drawn := "", 0
	for i, mark := range marks {
		if mark != "" {
			line += t.Faint.Render(string(axis[drawn:i])) + t.Warn.Render(mark)
			drawn = i + 1
		}
	}
	return line + t.Faint.Render(string(axis[drawn:]))
}
