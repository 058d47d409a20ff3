package logpane

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/theme"
)

// step is one bar of the waterfall.
type step struct {
	tier, what string
	style      lipgloss.Style
	start, end time.Time
	took       string
}

// lines draws the request: how long each tier took, then what each wrote.
func (r *request) lines(t *theme.Theme, width, height int, zone *time.Location) []string {
	rows := r.head(t, width)
	if len(r.records) > 0 {
		first := r.records[0].Time
		rows = append(rows, t.Muted.Render(fmt.Sprintf("%d lines name it; the first at %s", len(r.records), first.In(zone).Format(stampLayout))))
		for i := range r.records {
			rec := &r.records[i]
			name := draw.Left(origin(&rec.Line), 10)
			offset := draw.Right("+"+millis(rec.Time.Sub(first)), 11)
			rows = append(rows, t.Faint.Render(offset)+" "+t.Service(rec.Service).Render(name)+" "+t.Text.Render(draw.Cut(plain(string(rec.Text)), max(width-23, 1))))
		}
	}
	if r.more > 0 {
		rows = append(rows, t.Muted.Render(fmt.Sprintf("and %s lines more", draw.Count(r.more))))
	}
	return rows[min(r.offset, max(len(rows)-height, 0)):]
}

// head is the waterfall, with a note about Redis, which logs no requests.
func (r *request) head(t *theme.Theme, width int) []string {
	steps, note := r.steps(t)
	if len(steps) == 0 {
		return []string{t.Muted.Render("no access line of this request is in memory: no times to show"), ""}
	}
	first, last := steps[0].start, steps[0].end
	for _, s := range steps {
		if s.start.Before(first) {
			first = s.start
		}
		if s.end.After(last) {
			last = s.end
		}
	}
	const label = 46
	room := max(width-label-1, 0)
	rows := make([]string, 0, len(steps)+2)
	for _, s := range steps {
		row := s.style.Render(draw.Left(s.tier, 9)) + " " + t.Text.Render(draw.Left(s.what, 25)) + t.Muted.Render(draw.Right(s.took, 10)) + " "
		rows = append(rows, row+s.style.Render(bar(s, first, last, room)))
	}
	return append(rows, t.Muted.Render(note), "")
}

// bar draws a step's part of the whole time.
func bar(s step, first, last time.Time, room int) string {
	whole := last.Sub(first)
	if room < 1 || whole <= 0 {
		return ""
	}
	from := min(int(float64(s.start.Sub(first))/float64(whole)*float64(room)), room-1)
	to := min(max(int(float64(s.end.Sub(first))/float64(whole)*float64(room)+0.5), from+1), room)
	return strings.Repeat(" ", from) + strings.Repeat("█", to-from)
}

// steps finds what the tiers say. A tier writes its line when it is done: by the engine's clock that is its end.
func (r *request) steps(t *theme.Theme) (steps []step, note string) {
	front, nginx := r.find(func(_ *record, a *access) bool { return a.URI != "" })
	back, web := r.find(func(_ *record, a *access) bool { return a.Path != "" })
	if nginx != nil {
		took := nginx.took()
		steps = append(steps, step{
			tier: origin(&front.Line), what: what(nginx), style: t.Service(front.Service), took: nginxTook(took), start: front.Time.Add(-took), end: front.Time,
		})
		if up, ok := nginx.upstreamTook(); ok {
			steps = append(steps, step{
				tier: "upstream", what: plain(nginx.Upstream), style: t.Service(front.Service), took: nginxTook(up), start: front.Time.Add(-up), end: front.Time,
			})
		}
	}
	if web == nil {
		return steps, "redis: no line of its own, and web's line about this request is not in memory"
	}
	took := web.took()
	steps = append(steps, step{
		tier: origin(&back.Line), what: what(web), style: t.Service(back.Service), took: millis(took), start: back.Time.Add(-took), end: back.Time,
	})
	if web.Redis == nil {
		return steps, "redis: no line of its own, and web's line does not say that it asked Redis"
	}
	// When in web's time it asked is not logged; it answers right after.
	asked := min(seconds(*web.Redis/1000), took)
	text := "asked by " + origin(&back.Line)
	if web.Visit > 0 {
		text = "counted as visit " + draw.Count(web.Visit)
	}
	steps = append(steps, step{tier: "redis", what: text, style: t.Service("redis"), took: millis(asked), start: back.Time.Add(-asked), end: back.Time})
	return steps, "redis: no line of its own; web measured its step, but not when it began"
}

func what(a *access) string { return plain(fmt.Sprintf("%s %s %d", a.Method, a.target(), a.Status)) }

// nginxTook writes a time that nginx knows to the millisecond only.
func nginxTook(d time.Duration) string {
	if d < time.Millisecond {
		return "<1ms"
	}
	return millis(d)
}
