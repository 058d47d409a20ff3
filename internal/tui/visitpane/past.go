package visitpane

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/history"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// Read reads the history of visits from a time on, summed by an interval.
type Read func(ctx context.Context, since time.Time, by string) (*history.Visits, error)

const (
	// pastEvery is how often a range is read again, and pastLimit bounds that.
	pastEvery = 15 * time.Second
	pastLimit = 10 * time.Second
	// lateAfter is how far the history may be behind without a word: where there was nothing new for a while, it is noted every 10 s.
	lateAfter = 30 * time.Second
)

// past is a range of the history, in place of the last minutes.
type past struct {
	read    Read // nil: there is no other range
	chosen  int  // of history.Ranges, from 1; 0 are the last minutes
	reading bool
	asked   time.Time
	answer  *answer // of the chosen range; nil until it is there
}

// answer is what was read.
type answer struct {
	of     history.Range
	values []int64
	state  history.State
	err    error
}

// next chooses the next range.
func (p *past) next(now time.Time) tea.Cmd {
	p.chosen = (p.chosen + 1) % (len(history.Ranges) + 1)
	p.answer, p.asked = nil, time.Time{}
	return p.refresh(now)
}

// refresh reads the chosen range, unless it was read a short while ago.
func (p *past) refresh(now time.Time) tea.Cmd {
	if p.chosen == 0 || p.reading || now.Sub(p.asked) < pastEvery {
		return nil
	}
	p.reading, p.asked = true, now
	r, read := history.Ranges[p.chosen-1], p.read
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), pastLimit)
		defer cancel()
		found, err := read(ctx, r.Begin(now), r.By)
		if err != nil {
			return answer{of: r, err: err}
		}
		return answer{of: r, values: r.Sum(found, now, found.State.Behind), state: found.State}
	}
}

// take takes an answer. One to a range that is no longer chosen has the chosen one read.
func (p *past) take(a answer, now time.Time) tea.Cmd {
	p.reading = false
	if p.chosen == 0 || history.Ranges[p.chosen-1].Name != a.of.Name {
		p.asked = time.Time{}
		return p.refresh(now)
	}
	p.answer = &a
	return nil
}

// view draws the chosen range.
func (p *past) view(t *theme.Theme, width, height int) []string {
	r := history.Ranges[p.chosen-1]
	switch {
	case p.answer == nil:
		return []string{t.Muted.Render(" reading the history …")}
	case p.answer.err != nil:
		return []string{t.Bad.Render(" ✖ ") + t.Text.Render(draw.Safe(p.answer.err.Error()))}
	}
	room := max(width-2, 1)
	each := (len(p.answer.values) + room - 1) / room
	var sums []float64
	for i := len(p.answer.values); i > 0; i -= each { // from the newest on, which stands at the right
		sum := int64(0)
		for _, v := range p.answer.values[max(i-each, 0):i] {
			sum += v
		}
		sums = append([]float64{float64(sum)}, sums...)
	}
	wide := max(room/len(sums), 1)
	var columns []float64
	most, total := 0.0, 0.0
	for _, v := range sums {
		most, total = max(most, v), total+v
		for range wide {
			columns = append(columns, v)
		}
	}
	label := fmt.Sprintf(" %s visits, at most %s in %s", draw.Count(int64(total)), draw.Count(int64(most)), draw.Age(time.Duration(each)*r.Step))
	lines := []string{t.Muted.Render(label)}
	for _, row := range draw.Bars(columns, max(height-2, 1)) {
		lines = append(lines, " "+t.Accent.Render(row))
	}
	axis := "-" + r.Name
	if gap := len(columns) - len(axis) - len("now"); gap > 0 {
		for range gap {
			axis += "─"
		}
		axis += "now"
	}
	return append(lines, t.Faint.Render(" "+axis))
}

// late says how far the history is behind; "" if it is not.
func (p *past) late(now time.Time) string {
	if p.chosen == 0 || p.answer == nil || p.answer.err != nil {
		return ""
	}
	s := p.answer.state
	if s.Loss != nil {
		return fmt.Sprintf("Redis lost the counter, which was %s: `stackctl restore visits`", draw.Count(s.Loss.Counter))
	}
	if s.Behind > 0 && now.Sub(s.Since) > lateAfter {
		return fmt.Sprintf("history behind: %s visits since %s", draw.Count(s.Behind), s.Since.Local().Format(time.TimeOnly))
	}
	return ""
}
