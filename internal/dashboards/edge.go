package dashboards

const (
	edgeRequests = `stackctl_edge_requests_total`
	edgeBuckets  = `stackctl_edge_request_duration_seconds_bucket`
)

var edge = Dashboard{
	Name: "edge", Title: "Edge", Description: "What nginx answers to clients, from the lines of its access log.",
	Panels: []Panel{
		{Title: "Requests", Unit: Requests, Stat: true, Queries: []Query{{`sum(` + rate(edgeRequests) + `)`, "requests"}}},
		{Title: "Connections", Unit: Number, Stat: true, Queries: []Query{{`sum(nginx_connections_active)`, "connections"}}},
		{
			Title: "Limited", Unit: Requests, Stat: true, Description: "429, by the limits of requests and connections.",
			Queries: []Query{{`sum(` + rate(edgeRequests+`{code="429"}`) + `)`, "limited"}},
		},
		{
			Title: "Lost lines", Unit: Percent, Stat: true, Description: "Share of nginx's lines that were lost on their way: figures are of the others.",
			Queries: []Query{{`stackctl:edge_lost:ratio_rate5m`, "lost"}}, Quiet: true,
		},
		{
			Title: "Requests by who answered", Unit: Requests, Description: "nginx answers itself what is limited, malformed, redirected or given up.",
			Queries: []Query{{`sum by (tier) (` + rate(edgeRequests) + `) > 0`, "{{tier}}"}}, Quiet: true,
		},
		{Title: "Responses by status", Unit: Requests, Queries: []Query{{`sum by (code) (` + rate(edgeRequests) + `) > 0`, "{{code}}"}}, Quiet: true},
		{
			Title: "Latency", Unit: Seconds, Description: "From a request's first byte to the last one of its response. nginx measures whole milliseconds.",
			Queries: []Query{{quantile("0.5", edgeBuckets, ""), "median"}, {quantile("0.9", edgeBuckets, ""), "90 of 100"}, {quantile("0.99", edgeBuckets, ""), "99 of 100"}},
			Quiet:   true,
		},
		{
			Title: "Latency by upstream, 99 of 100", Unit: Seconds, Description: "How long nginx waited for each replica.",
			Queries: []Query{{quantile("0.99", `stackctl_edge_upstream_duration_seconds_bucket`, "upstream"), "{{upstream}}"}}, Quiet: true,
		},
		{
			Title: "Requests by upstream", Unit: Requests,
			Queries: []Query{{`sum by (upstream) (` + rate(`stackctl_edge_upstream_duration_seconds_count`) + `) > 0`, "{{upstream}}"}}, Quiet: true,
		},
		{
			Title: "Failed attempts by upstream", Unit: PerSec, Description: "Attempts that had no response; nginx then asks the next replica.",
			Queries: []Query{{`sum by (upstream) (` + rate(`stackctl_edge_upstream_failures_total`) + `)`, "{{upstream}}"}}, Quiet: true,
		},
		{
			Title: "Connections of clients", Unit: Number, Description: "Waiting ones are idle: they may send another request.",
			Queries: []Query{{`nginx_connections_reading`, "reading a request"}, {`nginx_connections_writing`, "answering"}, {`nginx_connections_waiting`, "waiting"}},
		},
		{
			Title: "Stopped by the firewall", Unit: Requests, Needs: "waf",
			Queries: []Query{{`sum(` + rate(edgeRequests+`{tier="waf"}`) + `) and on() up{job="waf"}`, "stopped"}},
		},
	},
}
