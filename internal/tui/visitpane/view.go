package visitpane

import (
	"fmt"
	"time"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// View draws the pane.
func (p *Pane) View(t *theme.Theme, width, height int, focused bool) string {
	inner, rows := width-2, height-2
	lines := p.head(t, inner, rows)
	foot := p.foot(t, inner)
	if most := max(rows-len(lines), 0); len(foot) > most {
		foot = foot[:most]
	}
	room := rows - len(lines) - len(foot)
	switch {
	case room >= 3 && p.past.chosen > 0:
		lines = append(lines, p.past.view(t, inner, min(room, 14))...)
	case room >= 3:
		lines = append(lines, p.chart.view(t, inner, min(room, 14))...)
	}
	lines = append(lines, foot...)
	return draw.Box(t, draw.Frame{Title: p.title, Status: p.inWords(), Focused: focused}, lines, width, height)
}

// inWords is the count in plain digits: the large ones are no text to a screen reader or a search.
func (p *Pane) inWords() string {
	switch {
	case p.known:
		return draw.Count(p.last.Visits)
	case p.err != nil:
		return "unknown"
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
		lines = append(lines, " "+t.Bad.Render("✖ unknown")+t.Muted.Render(" "+draw.Safe(p.err.Error())))
		if !p.last.At.IsZero() {
			lines = append(lines, t.Muted.Render(fmt.Sprintf(" last read: %s at %s", draw.Count(p.last.Visits), p.last.At.Local().Format(time.TimeOnly))))
		}
		return lines
	default:
		return []string{t.Muted.Render(" reading the counter …")}
	}
	return append(lines, " "+t.Text.Render(draw.Rate(p.rate)+"/s")+t.Muted.Render(" now   peak ")+t.Text.Render(draw.Rate(p.peak)+"/s"))
}

// foot says what nginx's log says, and what happened last.
func (p *Pane) foot(t *theme.Theme, width int) []string {
	lines := p.requests.view(t, width)
	if late := p.past.late(p.last.At); late != "" {
		lines = append(lines, " "+t.Warn.Render("⚠ "+late))
	}
	for i := len(p.chart.marks) - 1; i >= max(len(p.chart.marks)-3, 0); i-- {
		e := p.chart.marks[i]
		lines = append(lines, " "+t.Warn.Render(Sign(e.Kind))+t.Muted.Render(" "+e.At.Local().Format(time.TimeOnly)+" "+draw.Safe(e.Text)))
	}
	return lines
}
