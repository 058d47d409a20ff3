package board

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/dashboards"
	"stackctl.dev/stackctl/internal/prometheus"
)

// Prometheus is what the board asks.
type Prometheus interface {
	Range(ctx context.Context, query string, start, end time.Time, step time.Duration) (model.Matrix, error)
	Alerts(ctx context.Context) ([]prometheus.Alert, error)
}

// Range is how far back a board looks.
type Range struct {
	Name string
	Long time.Duration
	step time.Duration
}

// Ranges are those that can be chosen.
var Ranges = []Range{
	{"15m", 15 * time.Minute, 5 * time.Second},
	{"1h", time.Hour, 20 * time.Second},
	{"6h", 6 * time.Hour, 2 * time.Minute},
	{"24h", 24 * time.Hour, 8 * time.Minute},
}

// FindRange returns the range of a name.
func FindRange(name string) (Range, bool) {
	i := slices.IndexFunc(Ranges, func(r Range) bool { return r.Name == name })
	if i < 0 {
		return Range{}, false
	}
	return Ranges[i], true
}

const (
	// scrape is how often Prometheus collects (assets/features/monitoring/prometheus.yml).
	scrape = 5 * time.Second
	// atOnce is how many queries run side by side.
	atOnce = 4
	// eventStep is the least distance of two evaluations of an event.
	eventStep = 15 * time.Second
	// maxName bounds what is shown of a series' name and of an alert's words, in runes.
	maxName   = 60
	maxWords  = 200
	maxAlerts = 20
	maxMarks  = 60
)

// reading is what was read for one panel.
type reading struct {
	series []Series
	hidden int // series that are not shown
	err    error
}

// read is what was read for a dashboard.
type read struct {
	dashboard  dashboards.Dashboard
	start, end time.Time
	step       time.Duration
	panels     []reading
	marks      []Mark
}

// readDashboard asks for everything that a dashboard shows. A query that fails is told in its panel; the error is that nothing can be asked.
func readDashboard(ctx context.Context, p Prometheus, d dashboards.Dashboard, r Range, now time.Time) (*read, error) {
	found := &read{dashboard: d, step: r.step, panels: make([]reading, len(d.Panels))}
	found.end = now.Truncate(r.step)
	found.start = found.end.Add(-r.Long)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, panel := range d.Panels {
		group.Go(func() error {
			found.panels[i] = readPanel(ctx, p, panel, found)
			if err := found.panels[i].err; err != nil && !errors.As(err, new(*prometheus.RefusedError)) {
				return err // nothing was asked
			}
			return nil
		})
	}
	group.Go(func() (err error) {
		found.marks, err = readMarks(ctx, p, found)
		return err
	})
	return found, group.Wait()
}

func readPanel(ctx context.Context, p Prometheus, panel dashboards.Panel, r *read) (found reading) {
	window := model.Duration(max(r.step+scrape, 4*scrape)).String()
	for _, q := range panel.Queries {
		matrix, err := p.Range(ctx, strings.ReplaceAll(q.Expr, dashboards.Window, window), r.start, r.end, r.step)
		if err != nil {
			return reading{err: err}
		}
		var group []Series
		for _, stream := range matrix {
			if s := seriesOf(legend(q.Legend, stream.Metric), stream, r.end.Location()); len(s.Points) > 0 {
				group = append(group, s)
			}
		}
		slices.SortStableFunc(group, func(a, b Series) int { return strings.Compare(a.Name, b.Name) })
		found.series = append(found.series, group...)
	}
	if more := len(found.series) - mostSeries; more > 0 {
		greatest := slices.Clone(found.series)
		slices.SortStableFunc(greatest, func(a, b Series) int { return -cmp.Compare(peak(a), peak(b)) })
		least := peak(greatest[mostSeries-1])
		found.series = slices.DeleteFunc(found.series, func(s Series) bool { return peak(s) < least })
		found.series, found.hidden = found.series[:mostSeries], more
	}
	return found
}

func peak(s Series) float64 { _, high := bounds([]Series{s}); return high }

// seriesOf takes the points that are numbers; 0/0 is none.
func seriesOf(name string, stream *model.SampleStream, place *time.Location) Series {
	s := Series{Name: name}
	for _, pair := range stream.Values {
		if v := float64(pair.Value); !math.IsNaN(v) && !math.IsInf(v, 0) {
			s.Points = append(s.Points, Point{At: pair.Timestamp.Time().In(place), Value: v})
		}
	}
	return s
}

var placeholder = regexp.MustCompile(`\{\{\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}`)

// legend fills in the labels. Their values are whatever a tier says they are.
func legend(form string, labels model.Metric) string {
	return clean(placeholder.ReplaceAllStringFunc(form, func(text string) string {
		return string(labels[model.LabelName(placeholder.FindStringSubmatch(text)[1])])
	}), maxName)
}

// clean bounds a text and takes out what is not printed; the page escapes the rest.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return cmp.Or(text, "(no name)")
}

// readMarks asks when something happened.
func readMarks(ctx context.Context, p Prometheus, r *read) (marks []Mark, err error) {
	step := max(r.step, eventStep)
	spans := strings.NewReplacer(
		dashboards.SpanMinute, model.Duration(step+scrape+time.Minute).String(), dashboards.Span, model.Duration(step+scrape).String())
	for _, e := range dashboards.Events {
		// At multiples of the step, so that a mark stays where it is when the page is new.
		matrix, err := p.Range(ctx, spans.Replace(e.Expr), r.start.Truncate(step).Add(step), r.end, step)
		if err != nil && !errors.As(err, new(*prometheus.RefusedError)) {
			return nil, err
		}
		for _, stream := range matrix {
			last := time.Time{}
			for _, pair := range stream.Values {
				if pair.Value < 1 {
					continue
				}
				at := pair.Timestamp.Time().In(r.end.Location())
				if at.Sub(last) > step*3/2 { // steps in a row are one event
					marks = append(marks, Mark{At: at, Sign: string(e.Sign), Name: e.Name, Text: legend(e.Text, stream.Metric)})
				}
				last = at
			}
		}
	}
	slices.SortStableFunc(marks, func(a, b Mark) int { return a.At.Compare(b.At) })
	if more := len(marks) - maxMarks; more > 0 {
		marks = marks[more:]
	}
	return marks, nil
}

// alert is an alert that fires, in words.
type alert struct{ Name, Severity, Words string }

func readAlerts(ctx context.Context, p Prometheus) (firing []alert, err error) {
	all, err := p.Alerts(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading alerts: %w", err)
	}
	for _, a := range all {
		if a.State == prometheus.Firing && len(firing) < maxAlerts {
			words := cmp.Or(a.Annotations["summary"], a.Annotations["description"], "it fires")
			firing = append(firing, alert{
				Name: clean(string(a.Labels[model.AlertNameLabel]), maxName), Severity: clean(string(a.Labels["severity"]), maxName), Words: clean(string(words), maxWords),
			})
		}
	}
	slices.SortStableFunc(firing, func(a, b alert) int { return strings.Compare(a.Name, b.Name) })
	return firing, nil
}
