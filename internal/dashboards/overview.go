package dashboards

var overview = Dashboard{
	Name: "overview", Title: "Overview", Description: "Rate, errors and duration of requests, at nginx and in the web tier.",
	Panels: []Panel{
		{Title: "Requests", Unit: Requests, Stat: true, Description: "What nginx answers.", Queries: []Query{{`sum(` + rate(edgeRequests) + `)`, "requests"}}},
		{
			Title: "Failed", Unit: Percent, Stat: true, Description: "Share of 5xx, without maintenance.", Quiet: true,
			Queries: []Query{{`sum(` + rate(edgeRequests+`{code=~"5..",tier!="maintenance"}`) + `) / (sum(` + rate(edgeRequests) + `) > 0)`, "failed"}},
		},
		{Title: "Latency, 99 of 100", Unit: Seconds, Stat: true, Description: "At nginx.", Queries: []Query{{quantile("0.99", edgeBuckets, ""), "latency"}}, Quiet: true},
		{Title: "Web replicas", Unit: Number, Stat: true, Description: "Those that answer Prometheus.", Queries: []Query{{`sum(up{job="web"})`, "replicas"}}},
		{Title: "Responses by status", Unit: Requests, Description: "Of nginx.", Queries: []Query{{`sum by (code) (` + rate(edgeRequests) + `) > 0`, "{{code}}"}}, Quiet: true},
		{
			Title: "Latency", Unit: Seconds, Description: "At nginx, from a request's first byte to the last one of its response.", Quiet: true,
			Queries: []Query{{quantile("0.5", edgeBuckets, ""), "median"}, {quantile("0.9", edgeBuckets, ""), "90 of 100"}, {quantile("0.99", edgeBuckets, ""), "99 of 100"}},
		},
		{Title: "Requests by route", Unit: Requests, Description: "Of the web tier, without probes.", Queries: []Query{{`sum by (route) (` + rate(visits) + `)`, "{{route}}"}}},
		{
			Title: "Latency of /count", Unit: Seconds, Description: "In the web tier: the way to Redis and back, and the wait for others of the batch.", Quiet: true,
			Queries: []Query{{quantile("0.5", countBuckets, ""), "median"}, {quantile("0.9", countBuckets, ""), "90 of 100"}, {quantile("0.99", countBuckets, ""), "99 of 100"}},
		},
		{Title: "Requests by replica", Unit: Requests, Description: "Of the web tier.", Queries: []Query{{`sum by (instance) (` + rate(visits) + `)`, "{{instance}}"}}},
		{
			Title: "Trouble with Redis", Unit: PerSec, Description: "Attempts that were repeated, and visits rejected because too many waited.",
			Queries: []Query{{`sum(` + rate(`stackctl_visits_batch_retries_total{job="web"}`) + `)`, "repeated"}, {`sum(` + rate(`stackctl_visits_shed_total{job="web"}`) + `)`, "rejected"}},
		},
		{Title: "Memory by tier", Unit: Bytes, Description: "Resident, of all replicas together.", Queries: []Query{{`sum by (job) (process_resident_memory_bytes)`, "{{job}}"}}},
		{Title: "Processor by tier", Unit: Cores, Queries: []Query{{`sum by (job) (` + rate(`process_cpu_seconds_total`) + `)`, "{{job}}"}}},
	},
}

const countBuckets = `stackctl_http_request_duration_seconds_bucket{job="web",route="/count"}`
