package logpane

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/tui/notice"
)

// readTime reads a time of the day, a duration ago, or an RFC 3339 time. A time of the day that is in the future is yesterday's.
func readTime(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	if ago, err := time.ParseDuration(strings.TrimSpace(strings.TrimSuffix(text, "ago"))); err == nil {
		return now.Add(-ago.Abs()), nil
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		clock, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		at := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), now.Location())
		if at.After(now) {
			at = at.AddDate(0, 0, -1)
		}
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time: use 12:34, 12:34:56, 5m or 2006-01-02T15:04:05Z", text)
}

// jump goes to the first line from a time on.
func (p *Pane) jump(at time.Time) tea.Cmd {
	n := p.index.len()
	if n == 0 {
		return notice.Say(notice.Info, "no lines yet")
	}
	low, high := 0, n // the lines are in the order of time, but for a few that came late
	for low < high {
		middle := (low + high) / 2
		if p.ring.at(p.index.at(middle)).Time.Before(at) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	p.goTo(p.index.at(min(low, n-1)), true)
	switch low {
	case n:
		return notice.Say(notice.Info, "no line is from after "+p.format(at))
	case 0:
		if first := p.ring.at(p.index.at(0)).Time; at.Before(first) {
			return notice.Say(notice.Info, "the oldest line in memory is from "+p.format(first))
		}
	}
	return nil
}

func (p *Pane) format(at time.Time) string { return at.In(p.clock().Location()).Format("15:04:05") }
