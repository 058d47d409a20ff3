package dashboards

// The objectives are those of assets/features/monitoring/alerts.rules.yml: 99.9 % of the requests do not fail, 99 % are answered within 0.25 s.
const (
	failing = "0.001"
	slow    = "0.01"
)

var slo = Dashboard{
	Name: "slo", Title: "SLO", Description: "Objectives: 99.9 % of the requests do not fail (5xx, without maintenance), 99 % are answered within 0.25 s.",
	Panels: []Panel{
		{Title: "Without failure, 1 h", Unit: Percent, Stat: true, Queries: []Query{{`1 - stackctl:edge_errors:ratio_rate1h`, "without failure"}}, Quiet: true},
		{Title: "Within 0.25 s, 1 h", Unit: Percent, Stat: true, Queries: []Query{{`1 - stackctl:edge_slow:ratio_rate1h`, "fast"}}, Quiet: true},
		{
			Title: "Failures left, 24 h", Unit: Percent, Stat: true, Description: "Of those that the objective allows in 24 hours; below 0 % it was missed.",
			Queries: []Query{{`1 - sum(increase(stackctl_edge_requests_total{code=~"5..",tier!="maintenance"}[24h]))` +
				` / (sum(increase(stackctl_edge_requests_total{tier!="maintenance"}[24h])) > 0) / ` + failing, "left"}}, Quiet: true,
		},
		{
			Title: "Slow answers left, 24 h", Unit: Percent, Stat: true, Description: "Of those that the objective allows in 24 hours; below 0 % it was missed.",
			Queries: []Query{{`1 - (1 - sum(increase(stackctl_edge_request_duration_seconds_bucket{tier=~"web|waf",le="0.25"}[24h]))` +
				` / (sum(increase(stackctl_edge_request_duration_seconds_count{tier=~"web|waf"}[24h])) > 0)) / ` + slow, "left"}}, Quiet: true,
		},
		{
			Title: "Failures: how fast the budget burns", Unit: Number, Quiet: true, Limit: &Limit{14.4, "alert from"},
			Description: "1 uses what 30 days allow in exactly 30 days. An alert fires at 14.4 over an hour, or at 6 over six hours.",
			Queries:     burn("edge_errors", failing),
		},
		{
			Title: "Slow answers: how fast the budget burns", Unit: Number, Quiet: true, Limit: &Limit{14.4, "alert from"},
			Description: "Likewise, of answers that took longer than 0.25 s.", Queries: burn("edge_slow", slow),
		},
		{Title: "Share of failed requests", Unit: Percent, Queries: []Query{{`stackctl:edge_errors:ratio_rate5m`, "failed, over 5 min"}}, Limit: &Limit{0.001, "objective"}, Quiet: true},
		{Title: "Share of slow answers", Unit: Percent, Queries: []Query{{`stackctl:edge_slow:ratio_rate5m`, "slower than 0.25 s, over 5 min"}}, Limit: &Limit{0.01, "objective"}, Quiet: true},
		{
			Title: "Latency", Unit: Seconds, Quiet: true, Limit: &Limit{0.25, "objective"},
			Queries: []Query{{`stackctl:edge_latency_seconds:p50_rate5m`, "median, over 5 min"}, {`stackctl:edge_latency_seconds:p99_rate5m`, "99 of 100, over 5 min"}},
		},
		{Title: "Alerts", Unit: Number, Description: "Those that fire, by how severe they are.", Queries: []Query{{`count by (severity) (ALERTS{alertstate="firing"})`, "{{severity}}"}}, Quiet: true},
	},
}

// burn is how many times faster than allowed a budget is used up, in the windows that the alerts look at.
func burn(name, allowed string) (queries []Query) {
	for _, window := range []string{"5m", "30m", "1h", "6h"} {
		queries = append(queries, Query{`stackctl:` + name + `:ratio_rate` + window + ` / ` + allowed, "over " + window})
	}
	return queries
}
