package logpane

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"stackctl.dev/stackctl/internal/accesslog"
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
		rows = append(rows, t.Muted.Render(fmt.Sprintf("%d lines mention it, the first at %s", len(r.records), first.In(zone).Format(stampLayout))))
		for i := range r.records {
			rec := &r.records[i]
			name := draw.Left(origin(&rec.Line), 10)
			offset := draw.Right("+"+millis(rec.Time.Sub(first)), 11)
			rows = append(rows, t.Faint.Render(offset)+" "+t.Service(rec.Service).Render(name)+" "+t.Text.Render(draw.Cut(draw.Safe(string(rec.Text)), max(width-23, 1))))
		}
	}
	if r.more > 0 {
		rows = append(rows, t.Muted.Render(fmt.Sprintf("and %s more lines", draw.Count(r.more))))
	}
	return rows[min(r.offset, max(len(rows)-height, 0)):]
}

// head is the waterfall, with a note about Redis, which logs no requests.
func (r *request) head(t *theme.Theme, width int) []string {
	steps, note := r.steps(t)
	if len(steps) == 0 {
		return []string{t.Muted.Render("no access line of this request is in memory, so there are no times to show"), ""}
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
	front, nginx := r.find(accesslog.Front)
	back, web := r.find(accesslog.Web)
	if nginx != nil {
		took := nginx.Took
		steps = append(steps, step{
			tier: origin(&front.Line), what: what(nginx), style: t.Service(front.Service), took: nginxTook(took), start: front.Time.Add(-took), end: front.Time,
		})
		if up, ok := nginx.UpstreamTook(); ok {
			steps = append(steps, step{
				tier: "upstream", what: draw.Safe(accesslog.Text(nginx.Upstream)), style: t.Service(front.Service), took: nginxTook(up), start: front.Time.Add(-up), end: front.Time,
			})
		}
	}
	gate, waf := r.find(accesslog.Firewall)
	if waf != nil {
		steps = append(steps, step{
			tier: origin(&gate.Line), what: r.verdict(gate, waf), style: t.Service(gate.Service), took: millis(waf.Took), start: gate.Time.Add(-waf.Took), end: gate.Time,
		})
		// Most of what they look at is known at the beginning; when they looked at the response is not logged.
		inspected, begun := min(waf.Inspecting, waf.Took), gate.Time.Add(-waf.Took)
		steps = append(steps, step{tier: "rules", what: "inspected it", style: t.Service(gate.Service), took: millis(inspected), start: begun, end: begun.Add(inspected)})
	}
	if web == nil && waf != nil && string(waf.Verdict) == "blocked" {
		return steps, "no line of web about it: a request that the firewall blocks does not reach it"
	}
	if web == nil {
		return steps, "redis logs no requests, and web's line about this one is not in memory"
	}
	took := web.Took
	steps = append(steps, step{
		tier: origin(&back.Line), what: what(web), style: t.Service(back.Service), took: millis(took), start: back.Time.Add(-took), end: back.Time,
	})
	if web.Redis < 0 {
		return steps, "redis logs no requests, and web's line mentions no call to it"
	}
	// When in web's time it asked is not logged; it answers right after.
	asked := min(web.Redis, took)
	text := "called by " + origin(&back.Line)
	if web.Visit > 0 {
		text = "counted as visit " + draw.Count(web.Visit)
	}
	steps = append(steps, step{tier: "redis", what: text, style: t.Service("redis"), took: millis(asked), start: back.Time.Add(-asked), end: back.Time})
	return steps, "redis logs no requests; web measured the call, but not when it began"
}

// verdict says what the firewall decided, and the rule that matched first.
func (r *request) verdict(gate *record, waf *accesslog.Line) string {
	text := fmt.Sprintf("%s %d", accesslog.Text(waf.Verdict), waf.Status)
	if rule := r.rule(gate.Service); rule != 0 {
		text += fmt.Sprintf(", rule %d", rule)
	}
	return draw.Safe(text)
}

func what(a *accesslog.Line) string {
	return draw.Safe(fmt.Sprintf("%s %s %d", accesslog.Text(a.Method), a.Target(), a.Status))
}

// nginxTook writes a time that nginx knows to the millisecond only.
func nginxTook(d time.Duration) string {
	if d < time.Millisecond {
		return "<1ms"
	}
	return millis(d)
}
