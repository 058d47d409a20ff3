package servicepane

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"charm.land/lipgloss/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
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
	{title: "NAME", width: 14, order: 0, text: func(c watch.Container, _ time.Time) string { return Name(c) }},
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
	case c.Usage.CPU < 1: // an idle container does not flicker
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

// rate hides the little that healthchecks and the dashboard itself cause.
func rate(bytes float64) string {
	if bytes < 1024 {
		return "<1K"
	}
	return draw.Bytes(uint64(bytes))
}

func restarts(c watch.Container, _ time.Time) string { return fmt.Sprint(c.Restarts) }

func up(c watch.Container, now time.Time) string {
	if c.State != "running" || c.StartedAt.IsZero() {
		return "-"
	}
	return draw.Uptime(now.Sub(c.StartedAt))
}

// Name is service-replica, fit for a terminal: a label may hold anything.
func Name(c watch.Container) string {
	return draw.Safe(fmt.Sprintf("%s-%d", c.Service, c.Number))
}

func usage(c watch.Container) watch.Usage {
	if c.Usage == nil {
		return watch.Usage{}
	}
	return *c.Usage
}

func byUsage[T cmp.Ordered](value func(watch.Usage) T) func(a, b watch.Container) int {
	return func(a, b watch.Container) int { return cmp.Compare(value(usage(a)), value(usage(b))) }
}

// fitting chooses the columns for a width, by their order of importance, and returns them as they stand.
func fitting(width int) []int {
	var chosen []int
	for order := range columns {
		i := slices.IndexFunc(columns, func(c column) bool { return c.order == order })
		if need := columns[i].width + 1; width >= need {
			width -= need
			chosen = append(chosen, i)
		}
	}
	slices.Sort(chosen)
	return chosen
}
