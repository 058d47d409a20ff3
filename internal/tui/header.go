package tui

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

func signOf(c watch.Condition) string {
	switch c {
	case watch.Up:
		return "●"
	case watch.Down:
		return "○"
	case watch.Degraded, watch.Unreachable:
		return "✖"
	}
	return "◐"
}

func styleOf(t *theme.Theme, c watch.Condition) lipgloss.Style {
	switch c {
	case watch.Up:
		return t.Good.Bold(true)
	case watch.Down:
		return t.Muted
	case watch.Degraded, watch.Unreachable:
		return t.Bad
	}
	return t.Warn
}

// header is the state of the stack; an error takes the second line, since finding it is why one opens the dashboard.
func (m *Model) header(height int) []string {
	t, c := m.theme, m.condition()
	first := []string{
		t.Title.Render(" " + draw.Safe(m.src.Project)),
		styleOf(t, c).Render(signOf(c) + " " + string(c)),
	}
	running, total := m.running()
	if total > 0 && m.state.Err == nil {
		first = append(first, t.Text.Render(fmt.Sprintf("%d/%d", running, total))+t.Muted.Render(" containers"))
	}
	if url := m.state.URL(); url != "" && m.state.Err == nil {
		first = append(first, t.Accent.Render(draw.Safe(url)))
	}
	if m.state.Err == nil {
		first = append(first, m.standingTexts()...)
	}
	folded := m.screen().Panes[named("visits")].Empty()
	if folded {
		first = append(first, t.Text.Render(m.visits.InWords()))
	}
	if up := m.uptime(); up != "" && m.state.Err == nil {
		first = append(first, t.Muted.Render("up ")+t.Text.Render(up))
	}
	if e := m.state.Engine; e.Version != "" {
		first = append(first, t.Muted.Render(draw.Safe("engine "+e.Version+" ("+e.Context+")")))
	}
	if m.src.Operator == nil {
		first = append(first, t.Warn.Render("read-only"))
	}
	line := strings.Join(first, t.Faint.Render(" │ "))
	if banner := m.banner(); banner != "" {
		if height == 1 {
			return []string{t.Title.Render(" "+draw.Safe(m.src.Project)) + t.Faint.Render(" │ ") + t.Bad.Render(banner)}
		}
		return []string{line, t.Bad.Render(" " + banner)}
	}
	return []string{line, m.secondLine()}
}

// banner says that the engine is lost, so that what is shown is old.
func (m *Model) banner() string {
	if m.state.Err == nil {
		return ""
	}
	text := "✖ " + draw.Safe(m.state.Err.Error())
	if !m.state.RetryAt.IsZero() {
		text = "✖ engine lost, reconnecting: " + draw.Safe(m.state.Err.Error())
	}
	return text
}

func (m *Model) secondLine() string {
	t := m.theme
	if !m.known {
		return t.Muted.Render(" connecting to the engine …")
	}
	if m.job != nil && m.job.Running() {
		return t.Warn.Render(" ◐ a change is in progress: ") + t.Muted.Render("esc hides it, the command palette (:) shows it")
	}
	if m.lastEvent.At.IsZero() {
		return t.Muted.Render(" no events yet")
	}
	e := m.lastEvent
	return t.Muted.Render(" last event ") + t.Warn.Render(visitpane.Sign(e.Kind)) + t.Text.Render(" "+draw.Safe(e.Text)) + t.Muted.Render(" "+e.At.Local().Format("15:04:05"))
}

func (m *Model) running() (running, total int) {
	for _, c := range m.state.Containers {
		total++
		if c.State == "running" {
			running++
		}
	}
	return running, total
}

// uptime is how long the longest-running container has been up.
func (m *Model) uptime() string {
	longest := ""
	var first watch.Container
	for _, c := range m.state.Containers {
		if c.State == "running" && !c.StartedAt.IsZero() && (first.StartedAt.IsZero() || c.StartedAt.Before(first.StartedAt)) {
			first = c
			longest = draw.Uptime(m.clock().Sub(c.StartedAt))
		}
	}
	return longest
}
