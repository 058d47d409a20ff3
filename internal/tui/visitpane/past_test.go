package visitpane

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"stackctl.dev/stackctl/internal/history"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/keys"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

func TestRangesOfTheChart(t *testing.T) {
	var asked []string
	var fails error
	now := at(100)
	p := New("1 visits", Options{Keys: keys.Default(), Clock: func() time.Time { return now }, Past: func(_ context.Context, since time.Time, by string) (*history.Visits, error) {
		asked = append(asked, now.Sub(since).Round(time.Hour).String()+" by "+by)
		return &history.Visits{By: by, Intervals: []history.Interval{{At: now.Truncate(time.Minute), Visits: 41}}, State: history.State{Behind: 1, Since: at(0)}}, fails
	}})
	p.count(Count{At: now, Visits: 42})
	press := tea.KeyPressMsg{Code: 'r', Text: "r"}
	view := func(width, height int) string { return ansi.Strip(p.View(tuitest.Themes().Light, width, height, true)) }
	next := func() {
		t.Helper()
		cmd, _ := p.Update(press)
		if cmd == nil {
			return
		}
		if !strings.Contains(view(60, 20), "reading the history") {
			t.Errorf("it shows what is not there yet:\n%s", view(60, 20))
		}
		p.Update(cmd())
	}
	for range 3 {
		next()
		for _, size := range [][2]int{{60, 20}, {200, 40}, {20, 10}, {4, 9}} {
			for row := range strings.SplitSeq(view(size[0], size[1]), "\n") {
				if draw.Width(row) != size[0] {
					t.Errorf("%v: a row is %d wide: %q", size, draw.Width(row), row)
				}
			}
		}
		if v := view(60, 20); !strings.Contains(v, "42 visits, at most 42 in") || !strings.Contains(v, "history behind: 1 visits") {
			t.Errorf("it shows\n%s", v)
		}
	}
	if got := strings.Join(asked, ", "); got != "1h0m0s by minute, 24h0m0s by minute, 717h0m0s by hour" {
		t.Errorf("asked for %s", got)
	}
	p.past.asked = now.Add(-time.Hour)
	fails = errors.New("away\x1b[2J")
	cmd, _ := p.Update(Count{At: now, Visits: 42})
	p.Update(cmd())
	if v := view(60, 20); !strings.Contains(v, "away") || strings.Contains(v, "\x1b") {
		t.Errorf("it shows\n%s", v)
	}
	next() // the last minutes again
	if v := view(60, 20); strings.Contains(v, "away") || !strings.Contains(v, "now") {
		t.Errorf("it shows\n%s", v)
	}
	if cmd, _ := p.Update(Count{At: now.Add(time.Hour), Visits: 43}); cmd != nil {
		t.Error("the history is read for nobody")
	}
}
