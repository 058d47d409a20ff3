package visitpane

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/termtext"
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

// View draws the pane.
func (p *Pane) View(t *theme.Theme, width, height int, focused bool) string {
	inner, rows := width-2, height-2
	lines := p.head(t, inner, rows)
	foot := p.foot(t, inner)
	if most := max(rows-len(lines), 0); len(foot) > most {
		foot = foot[:most]
	}
	room := rows - len(lines) - len(foot)
	if room >= 3 {
		lines = append(lines, p.chart(t, inner, min(room, 14))...)
	}
	lines = append(lines, foot...)
	return draw.Box(t, draw.Frame{Title: "1 visits", Status: p.inWords(), Focused: focused}, lines, width, height)
}

// inWords is the count in plain digits: large ones are not text for a screen reader or a search.
func (p *Pane) inWords() string {
	switch {
	case p.known:
		return draw.Count(p.last.Visits)
	case p.err != nil:
		return "not known"
	}
	return "reading"
}

// InWords is the count in a few words, for where the pane itself has no room.
func (p *Pane) InWords() string {
	if !p.known {
		return "visits " + p.inWords()
	}
	return fmt.Sprintf("%s visits, %s/s", p.inWords(), draw.Rate(p.rate))
}

func (p *Pane) head(t *theme.Theme, width, rows int) []string {
	var lines []string
	switch {
	case p.known:
		if big := draw.Big(draw.Count(p.last.Visits)); rows >= 12 && draw.Width(big[0])+2 <= width {
			for _, row := range big {
				lines = append(lines, " "+t.Accent.Render(row))
			}
		} else {
			lines = append(lines, " "+t.Accent.Render(draw.Count(p.last.Visits))+t.Muted.Render(" visits"))
		}
	case p.err != nil:
		lines = append(lines, " "+t.Bad.Render("✖ not known")+t.Muted.Render(" "+draw.Plain(termtext.Safe(p.err.Error()))))
		if !p.last.At.IsZero() {
			lines = append(lines, t.Muted.Render(fmt.Sprintf(" it was %s at %s", draw.Count(p.last.Visits), p.last.At.Local().Format(time.TimeOnly))))
		}
		return lines
	default:
		return []string{t.Muted.Render(" reading the counter …")}
	}
	return append(lines, " "+t.Text.Render(draw.Rate(p.rate)+"/s")+t.Muted.Render(" now   peak ")+t.Text.Render(draw.Rate(p.peak)+"/s"))
}

// chart draws visits a second over the last five minutes, and under it what happened when.
func (p *Pane) chart(t *theme.Theme, width, height int) []string {
	width = max(width-2, 1)
	step := int64((span + width - 1) / width)
	columns := int(min(int64(width), span/step))
	end := p.upTo / step // columns begin at multiples of step, so that they do not flicker
	values, most := make([]float64, columns), 0.0
	for i := range values {
		values[i] = p.column(end-int64(columns-1-i), step)
		if values[i] > most {
			most = values[i]
		}
	}
	var lines []string
	for i, row := range draw.Bars(values, height-1) {
		if i == 0 && most > 0 {
			label := draw.Rate(most) + "/s "
			row = t.Muted.Render(label) + t.Accent.Render(draw.Left("", 0)+cutLeft(row, len(label)))
		} else {
			row = t.Accent.Render(row)
		}
		lines = append(lines, " "+row)
	}
	return append(lines, " "+p.timeline(t, end, step, columns))
}

// cutLeft drops the first n cells of a row of blocks: the label stands there.
func cutLeft(row string, n int) string {
	cells := []rune(row)
	return string(cells[min(n, len(cells)):])
}

// column is the mean of a column's seconds, NaN where nothing was read.
func (p *Pane) column(c, step int64) float64 {
	sum, n := 0.0, 0
	for s := c * step; s < (c+1)*step; s++ {
		if p.since != 0 && s >= p.since && s <= p.upTo && s > p.upTo-span {
			sum += p.seconds[s%span]
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

func (p *Pane) timeline(t *theme.Theme, end, step int64, columns int) string {
	cells := []rune(strings.Repeat("─", columns))
	past := []rune(fmt.Sprintf("-%dm", span/60))
	if columns > 16 {
		copy(cells, past)
		copy(cells[columns-3:], []rune("now"))
	}
	line := string(cells)
	out, at := "", 0
	cells = []rune(line)
	for i, mark := range p.byColumn(end, step, columns) {
		if mark == "" {
			continue
		}
		out += t.Faint.Render(string(cells[at:i])) + t.Warn.Render(mark)
		at = i + 1
	}
	return out + t.Faint.Render(string(cells[at:]))
}

func (p *Pane) byColumn(end, step int64, columns int) []string {
	marks := make([]string, columns)
	for _, e := range p.marks {
		i := int(e.At.Unix()/step-end) + columns - 1
		if i >= 0 && i < columns {
			marks[i] = Sign(e.Kind)
		}
	}
	return marks
}

// foot says what nginx's log says, and what happened last.
func (p *Pane) foot(t *theme.Theme, width int) []string {
	var lines []string
	if p.requests != nil {
		s := p.stats
		lines = append(lines, " "+t.Muted.Render("requests ")+t.Text.Render(draw.Rate(s.Rate)+"/s"))
		if s.Requests > 0 {
			latencies := latency(t, "p50", s.P50) + latency(t, "p95", s.P95) + latency(t, "p99", s.P99)
			if draw.Width(lines[0])+draw.Width(latencies) <= width {
				lines[0] += latencies
			} else {
				lines = append(lines, latencies)
			}
			lines = append(lines, p.statusLine(t))
			if shares := p.shareLine(t, width); shares != "" {
				lines = append(lines, shares)
			}
		}
	}
	for i := len(p.marks) - 1; i >= max(len(p.marks)-3, 0); i-- {
		e := p.marks[i]
		lines = append(lines, " "+t.Warn.Render(Sign(e.Kind))+t.Muted.Render(" "+e.At.Local().Format(time.TimeOnly)+" "+draw.Plain(termtext.Safe(e.Text))))
	}
	return lines
}

func latency(t *theme.Theme, name string, d time.Duration) string {
	return t.Muted.Render(" "+name+" ") + t.Text.Render(draw.Latency(d))
}

func (p *Pane) statusLine(t *theme.Theme) string {
	line := t.Muted.Render(" status  ")
	for class, n := range p.stats.Status {
		if n == 0 {
			continue
		}
		style, sign := t.Good, "✔"
		switch class {
		case 5:
			style, sign = t.Bad, "✖"
		case 4, 0:
			style, sign = t.Warn, "!"
		}
		name := fmt.Sprintf("%dxx", class)
		if class == 0 {
			name = "other"
		}
		line += style.Render(sign+" "+name) + t.Text.Render(" "+percent(float64(n)/float64(p.stats.Requests))) + "  "
	}
	return line
}

type share struct {
	name string
	part float64
}

func (p *Pane) shares() []share {
	total, parts := 0, map[string]int{}
	for upstream, n := range p.stats.Upstreams {
		host, _, err := net.SplitHostPort(upstream)
		if err != nil {
			continue
		}
		name := p.addresses[host]
		if name == "" {
			name = host
		}
		parts[name] += n
		total += n
	}
	var shares []share
	for name, n := range parts {
		shares = append(shares, share{name, float64(n) / float64(total)})
	}
	rank := func(name string) int {
		if i := slices.Index(p.order, name); i >= 0 {
			return i
		}
		return len(p.order)
	}
	slices.SortFunc(shares, func(a, b share) int {
		if d := rank(a.name) - rank(b.name); d != 0 {
			return d
		}
		return strings.Compare(a.name, b.name)
	})
	return shares
}

func (p *Pane) shareLine(t *theme.Theme, width int) string {
	line := ""
	for _, s := range p.shares() {
		gauge := ""
		if width >= 40 {
			gauge = t.Accent.Render(draw.Gauge(s.part, 8)) + " "
		}
		next := t.Muted.Render(draw.Plain(termtext.Safe(s.name))+" ") + gauge + t.Text.Render(percent(s.part)) + "  "
		if draw.Width(line)+draw.Width(next) > width-9 {
			line += t.Muted.Render("…")
			break
		}
		line += next
	}
	if line == "" {
		return ""
	}
	return t.Muted.Render(" share   ") + line
}

func percent(part float64) string {
	if part > 0 && part < 0.005 {
		return "<1%"
	}
	return fmt.Sprintf("%.0f%%", part*100)
}

func replicaName(c watch.Container) string { return fmt.Sprintf("%s-%d", c.Service, c.Number) }
