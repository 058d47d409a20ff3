package servicepane

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/termtext"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// column is one column of the table. With less room those of higher order go first.
type column struct {
	title   string
	width   int
	right   bool
	order   int
	text    func(c watch.Container, now time.Time) string
	compare func(a, b watch.Container) int // nil: the order of services and replicas
}

var columns = []column{
	{title: "NAME", width: 14, order: 0, text: func(c watch.Container, _ time.Time) string { return name(c) }},
	{title: "STATE", width: 16, order: 1, text: func(c watch.Container, _ time.Time) string { return State(c) }, compare: func(a, b watch.Container) int { return cmp.Compare(State(a), State(b)) }},
	{title: "CPU", width: 7, right: true, order: 2, text: cpu, compare: byUsage(func(u watch.Usage) float64 { return u.CPU })},
	{title: "MEMORY", width: 13, right: true, order: 3, text: memory, compare: byUsage(func(u watch.Usage) uint64 { return u.Memory })},
	{title: "NET IN/OUT", width: 15, right: true, order: 6, text: network, compare: byUsage(func(u watch.Usage) float64 { return u.RxRate + u.TxRate })},
	{title: "RESTARTS", width: 8, right: true, order: 5, text: restarts, compare: func(a, b watch.Container) int { return cmp.Compare(a.Restarts, b.Restarts) }},
	{title: "UPTIME", width: 7, right: true, order: 4, text: up, compare: func(a, b watch.Container) int { return b.StartedAt.Compare(a.StartedAt) }},
	{title: "REVISION", width: 8, order: 8, text: func(c watch.Container, _ time.Time) string { return c.Revision }, compare: func(a, b watch.Container) int { return cmp.Compare(a.Revision, b.Revision) }},
	{title: "IMAGE", width: 26, order: 7, text: func(c watch.Container, _ time.Time) string { return c.Image }, compare: func(a, b watch.Container) int { return cmp.Compare(a.Image, b.Image) }},
}

// State is a container's state in words, its health included.
func State(c watch.Container) string {
	switch {
	case c.State == "running" && c.Health != "":
		return c.Health
	case c.State == "exited" || c.State == "dead":
		if c.OOMKilled {
			return "out of memory"
		}
		return fmt.Sprintf("exited (%d)", c.ExitCode)
	}
	return c.State
}

// sign tells a state without colour.
func sign(t *theme.Theme, c watch.Container) (string, lipgloss.Style) {
	switch {
	case c.State == "running" && (c.Health == "" || c.Health == "healthy"):
		return "●", t.Good
	case c.State == "running" && c.Health == "unhealthy":
		return "✖", t.Bad
	case c.State == "running", c.State == "restarting", c.State == "created", c.State == "removing":
		return "◐", t.Warn
	case c.State == "paused":
		return "‖", t.Warn
	case c.State == "exited" && c.ExitCode == 0:
		return "○", t.Muted
	}
	return "✖", t.Bad
}

func cpu(c watch.Container, _ time.Time) string {
	switch {
	case c.Usage == nil:
		return "-"
	case c.Usage.CPU < 1: // what idles stands still
		return "<1%"
	}
	return fmt.Sprintf("%.1f%%", c.Usage.CPU)
}

func memory(c watch.Container, _ time.Time) string {
	switch {
	case c.Usage == nil:
		return "-"
	case c.Usage.MemoryLimit == 0:
		return draw.Bytes(c.Usage.Memory)
	}
	return draw.Bytes(c.Usage.Memory) + "/" + draw.Bytes(c.Usage.MemoryLimit)
}

func network(c watch.Container, _ time.Time) string {
	if c.Usage == nil {
		return "-"
	}
	return rate(c.Usage.RxRate) + "/" + rate(c.Usage.TxRate) + " /s"
}

// rate leaves out what healthchecks and the dashboard itself cause.
func rate(bytes float64) string {
	if bytes < 1024 {
		return "<1K"
	}
	return draw.Bytes(uint64(bytes))
}

func restarts(c watch.Container, _ time.Time) string { return fmt.Sprint(c.Restarts) }

func up(c watch.Container, now time.Time) string {
	d, ok := uptime(c, now)
	if !ok {
		return "-"
	}
	return draw.Uptime(d)
}

// fitting chooses the columns for a width.
func fitting(width int) []int {
	var chosen []int
	for order := range columns {
		for i, c := range columns {
			if c.order == order && width >= c.width+1 {
				width -= c.width + 1
				chosen = append(chosen, i)
			}
		}
	}
	in := make([]bool, len(columns))
	for _, i := range chosen {
		in[i] = true
	}
	chosen = chosen[:0]
	for i := range columns {
		if in[i] {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// sortAt sorts by the column whose title was clicked.
func (p *Pane) sortAt(x int) {
	at := lead
	for _, i := range fitting(p.width - lead) {
		if x >= at && x < at+columns[i].width+1 {
			p.down = p.sortBy == i && !p.down
			p.sortBy = i
			p.arrange()
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
	frame := draw.Frame{Title: "2 services", Focused: focused, Status: p.status()}
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
	if p.stale { // nothing of what was last seen goes on by itself
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
		parts = append(parts, "filter: "+p.filter+"▏")
	} else if p.filter != "" {
		parts = append(parts, "filter: "+p.filter)
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
		return []string{"", t.Muted.Render(" not known: the engine does not answer")}
	}
	if !p.keys.Global.Up.Enabled() {
		return []string{"", t.Text.Render(" nothing runs here")}
	}
	return []string{"", t.Text.Render(" nothing runs here"), t.Muted.Render(" ") + t.Accent.Render("u") + t.Muted.Render(" starts the stack")}
}

func (p *Pane) head(t *theme.Theme, chosen []int) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", lead))
	for _, i := range chosen {
		c := columns[i]
		b.WriteString(align(c, c.title) + " ")
	}
	return t.Muted.Render(b.String())
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
	if selected {
		var b strings.Builder
		b.WriteString("› " + mark + " ")
		for _, i := range chosen {
			b.WriteString(align(columns[i], safe(columns[i].text(c, now))) + " ")
		}
		return t.Selected.Render(draw.Left(b.String(), width))
	}
	var b strings.Builder
	b.WriteString("  " + style.Render(mark) + " ")
	for _, i := range chosen {
		text := align(columns[i], safe(columns[i].text(c, now))) + " "
		switch {
		case p.stale:
			text = t.Faint.Render(text)
		case columns[i].order == 0:
			text = t.Service(c.Service).Render(text)
		case columns[i].order == 1:
			text = style.Render(text)
		default:
			text = t.Text.Render(text)
		}
		b.WriteString(text)
	}
	return b.String()
}

func safe(s string) string { return draw.Plain(termtext.Safe(s)) }

// scroll keeps the cursor in sight.
func (p *Pane) scroll(rows int) {
	at := max(p.at(), 0)
	p.offset = min(max(p.offset, at-rows+1), at)
	p.offset = max(min(p.offset, len(p.shown)-rows), 0)
}
