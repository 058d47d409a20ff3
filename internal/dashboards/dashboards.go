// Package dashboards says what the stack's dashboards show: the panels with their queries, once. The board draws them, and the
// generator in its folder grafana writes them as Grafana's JSON into assets/features/monitoring/grafana.
package dashboards

//go:generate go run ./grafana ../../assets/features/monitoring/grafana

import "slices"

// Unit says what a panel's numbers are.
type Unit string

// The units.
const (
	Number   Unit = "number"
	Percent  Unit = "percent" // a share: 1 is 100 %
	Seconds  Unit = "seconds"
	Bytes    Unit = "bytes"
	Requests Unit = "req/s"
	PerSec   Unit = "per second"
	Cores    Unit = "cores" // of a processor
)

// Window stands in a query for the time over which rates are taken: a few scrapes at least, and no less than a step of the chart. It is
// Grafana's variable; the board replaces it.
const Window = "$__rate_interval"

// Query is one query of a panel. Legend names its series, with labels as {{label}}.
type Query struct{ Expr, Legend string }

// Panel is a chart, or with Stat one figure with a small chart of its course.
type Panel struct {
	Title, Description string
	Unit               Unit
	Stat               bool
	Queries            []Query
	// Max is the upper end of the axis at least; 0 leaves it to the data.
	Max float64
	// Limit is a line that the data should stay on one side of, nil for none.
	Limit *Limit
	// Needs names what must be on for there to be data, beside monitoring; "" is nothing.
	Needs string
	// Quiet says that there may be no data although all is well, such as errors where there are none.
	Quiet bool
}

// Limit is a line across a chart.
type Limit struct {
	Value float64
	Label string
}

// Dashboard is a page of panels. Name is part of addresses.
type Dashboard struct {
	Name, Title, Description string
	Panels                   []Panel
}

// Sorted has the figures before the charts.
func Sorted(panels []Panel) []Panel {
	sorted := slices.Clone(panels)
	slices.SortStableFunc(sorted, func(a, b Panel) int {
		switch {
		case a.Stat == b.Stat:
			return 0
		case a.Stat:
			return -1
		}
		return 1
	})
	return sorted
}

// Event is what is marked in the charts: whenever Expr is at least 1. Text describes it, with labels as {{label}}.
type Event struct {
	Name, Of, Text string // Of parts events of one name
	Sign           rune   // on the board
	Color          string // in Grafana
	Expr           string
}

// All lists the dashboards.
func All() []Dashboard { return []Dashboard{overview, edge, web, redis, slo} }

// Find returns the dashboard of a name.
func Find(name string) (Dashboard, bool) {
	all := All()
	i := slices.IndexFunc(all, func(d Dashboard) bool { return d.Name == name })
	if i < 0 {
		return Dashboard{}, false
	}
	return all[i], true
}

// Span stands in an event's query for the time since the last step, and a scrape more; SpanMinute is a minute longer.
const (
	Span       = "$span"
	SpanMinute = "$minute_and_span"
)

// Events are found in the metrics alone, so that they are there whoever changed the stack, and from wherever.
var Events = []Event{
	{
		Name: "deploy", Text: "version {{version}} of the web tier", Sign: '▲', Color: "blue",
		Expr: `count by (version) (stackctl_build_info{job="web"}) unless count by (version) (stackctl_build_info{job="web"} offset ` + Span + `)` +
			` and on() count(stackctl_build_info{job="web"} offset ` + Span + `)`,
	},
	{
		// Replicas that came a minute ago, after which there were as many as before. It takes that minute to tell a rollout from a scaling.
		Name: "rollout", Text: "replicas of the web tier replaced", Sign: '▲', Color: "blue",
		Expr: `count((up{job="web"} offset 1m) unless on(instance) (up{job="web"} offset ` + SpanMinute + `)) and on()` +
			` (count(up{job="web"} offset ` + SpanMinute + `) >= scalar(min_over_time(count(up{job="web"})[1m:5s])))`,
	},
	{
		// The least number of a minute: a rollout has one replica more only for a while.
		Name: "scaling", Text: "the number of replicas of the web tier changed", Sign: '◆', Color: "purple",
		Expr: `changes(min_over_time(count(up{job="web"})[1m:5s])[` + Span + `:5s])`,
	},
	{
		Name: "restart", Text: "{{job}} {{instance}} started again", Sign: '●', Color: "orange",
		Expr: `changes(process_start_time_seconds{job!="prometheus"}[` + Span + `])`,
	},
	{
		Name: "restart", Of: "of Redis", Text: "Redis started again", Sign: '●', Color: "orange",
		Expr: `resets(redis_uptime_in_seconds[` + Span + `])`,
	},
	{
		Name: "restart", Of: "of nginx", Text: "nginx started again, or was replaced", Sign: '●', Color: "orange",
		Expr: `resets(nginx_connections_accepted[` + Span + `])`,
	},
}
