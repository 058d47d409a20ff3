package servicepane

import (
	"fmt"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// sortAt sorts by the column whose title was clicked.
func (p *Pane) sortAt(x int) {
	at := lead
	for _, i := range fitting(p.width - lead) {
		if x >= at && x < at+columns[i].width+1 {
			p.sort(i, p.sortBy == i && !p.down)
			return
		}
		at += columns[i].width + 1
	}
}

// lead is the width of the cursor's sign and the state's.
const lead = 4

// View draws the pane.
func (p *Pane) View(t *theme.Theme, width, height int, focused bool) string {
	inner, rows := width-2, height-3
	p.width = inner
	frame := draw.Frame{Title: p.title, Focused: focused, Status: p.status()}
	if p.stale {
		frame.Footer = "last seen: the engine does not answer"
	}
	if len(p.shown) == 0 {
		return draw.Box(t, frame, p.nothing(t), width, height)
	}
	chosen := fitting(inner - lead)
	p.scroll(rows)
	lines := []string{p.head(t, chosen)}
	now := p.clock()
	if p.stale { // what was last seen does not age
		now = p.asOf
	}
	for i := p.offset; i < min(p.offset+max(rows, 0), len(p.shown)); i++ {
		lines = append(lines, p.row(t, chosen, p.shown[i], now, inner, focused))
	}
	if more := len(p.shown) - p.offset - max(rows, 0); more > 0 && !p.stale {
		frame.Footer = fmt.Sprintf("%d more below", more)
	}
	return draw.Box(t, frame, lines, width, height)
}

func (p *Pane) status() string {
	var parts []string
	if p.filtering {
		parts = append(parts, "filter: "+p.filter.Marked())
	} else if filter := p.filter.Value(); filter != "" {
		parts = append(parts, "filter: "+filter)
	}
	if p.sortBy != 0 || p.down {
		order := "↑"
		if p.down {
			order = "↓"
		}
		parts = append(parts, "by "+strings.ToLower(columns[p.sortBy].title)+" "+order)
	}
	count := fmt.Sprint(len(p.shown))
	if len(p.shown) != len(p.all) {
		count += " of " + fmt.Sprint(len(p.all))
	}
	return strings.Join(append(parts, count), " · ")
}

func (p *Pane) nothing(t *theme.Theme) []string {
	if len(p.all) > 0 {
		return []string{"", t.Muted.Render(" no container matches the filter; esc clears it")}
	}
	if p.stale {
		return []string{"", t.Muted.Render(" unknown: the engine does not answer")}
	}
	if !p.keys.Global.Up.Enabled() {
		return []string{"", t.Text.Render(" nothing is running")}
	}
	return []string{"", t.Text.Render(" nothing is running"), t.Muted.Render(" ") + t.Accent.Render("u") + t.Muted.Render(" starts the stack")}
}

func (p *Pane) head(t *theme.Theme, chosen []int) string {
	row := strings.Repeat(" ", lead)
	for _, i := range chosen {
		row += align(columns[i], columns[i].title) + " "
	}
	return t.Muted.Render(row)
}

func align(c column, text string) string {
	if c.right {
		return draw.Right(text, c.width)
	}
	return draw.Left(text, c.width)
}

func (p *Pane) row(t *theme.Theme, chosen []int, c watch.Container, now time.Time, width int, focused bool) string {
	mark, style := sign(t, c)
	selected := c.ID == p.cursor && focused
	row := "  " + style.Render(mark) + " "
	if selected {
		row = "› " + mark + " "
	}
	for _, i := range chosen {
		text := align(columns[i], draw.Safe(columns[i].text(c, now))) + " "
		switch {
		case selected: // styled as a whole
		case p.stale:
			text = t.Faint.Render(text)
		case columns[i].order == 0:
			text = t.Service(c.Service).Render(text)
		case columns[i].order == 1:
			text = style.Render(text)
		default:
			text = t.Text.Render(text)
		}
		row += text
	}
	if selected {
		return t.Selected.Render(draw.Left(row, width))
	}
	return row
}

// scroll keeps the cursor in sight.
func (p *Pane) scroll(rows int) {
	at := max(p.at(), 0)
	p.offset = min(max(p.offset, at-rows+1), at)
	p.offset = max(min(p.offset, len(p.shown)-rows), 0)
}
