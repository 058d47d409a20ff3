package dashboards

// The probes of `up` and of healthchecks are no visits.
const visits = `stackctl_http_request_duration_seconds_count{job="web",route!~"/healthz|/readyz"}`

// rate is a counter's increase per second.
func rate(counter string) string { return "rate(" + counter + "[" + Window + "])" }

// quantile is a quantile of a histogram, whose selector is that of its buckets, over the labels `by` and le.
func quantile(q, buckets, by string) string {
	if by != "" {
		by += ", "
	}
	return "histogram_quantile(" + q + ", sum by (" + by + "le) (" + rate(buckets) + "))"
}

var web = Dashboard{
	Name: "web", Title: "Web runtime", Description: "The processes of the web tier: memory, processor time, the Go runtime.",
	Panels: []Panel{
		{
			Title: "Memory", Unit: Bytes, Description: "Resident memory of each replica. The container is limited to 128 MiB.",
			Queries: []Query{{`process_resident_memory_bytes{job="web"}`, "{{instance}}"}}, Limit: &Limit{128 << 20, "limit"},
		},
		{
			Title: "Processor", Unit: Cores, Description: "Processor time per second. The container is limited to one core.",
			Queries: []Query{{rate(`process_cpu_seconds_total{job="web"}`), "{{instance}}"}}, Limit: &Limit{1, "limit"},
		},
		{
			Title: "Heap", Unit: Bytes, Description: "Memory of objects, and what the next garbage collection waits for.",
			Queries: []Query{{`sum(go_memstats_heap_alloc_bytes{job="web"})`, "allocated"}, {`sum(go_memstats_next_gc_bytes{job="web"})`, "next collection"}},
		},
		{
			Title: "Garbage collection", Unit: Percent, Description: "Share of the time in which all goroutines were stopped.",
			Queries: []Query{{rate(`go_gc_duration_seconds_sum{job="web"}`), "{{instance}}"}},
		},
		{Title: "Goroutines", Unit: Number, Queries: []Query{{`go_goroutines{job="web"}`, "{{instance}}"}}},
		{
			Title: "Open files", Unit: Number, Description: "Connections and other file descriptors of each replica.",
			Queries: []Query{{`process_open_fds{job="web"}`, "{{instance}}"}},
		},
		{
			Title: "Visits in a batch", Unit: Number, Description: "How many visits are booked with one command to Redis, on average.",
			Queries: []Query{{`sum(` + rate(`stackctl_visits_batch_size_sum{job="web"}`) + `) / sum(` + rate(`stackctl_visits_batch_size_count{job="web"}`) + `)`, "visits"}},
			Quiet:   true,
		},
		{
			Title: "Booking a batch", Unit: Seconds, Description: "How long one attempt takes, with the way to Redis and back.",
			Queries: []Query{
				{quantile("0.5", `stackctl_visits_batch_duration_seconds_bucket{job="web"}`, ""), "median"},
				{quantile("0.99", `stackctl_visits_batch_duration_seconds_bucket{job="web"}`, ""), "99 of 100"},
			},
			Quiet: true,
		},
	},
}

var redis = Dashboard{
	Name: "redis", Title: "Redis", Description: "The store of the visits, as redis_exporter reads it.",
	Panels: []Panel{
		{Title: "Commands", Unit: PerSec, Stat: true, Queries: []Query{{`sum(` + rate(`redis_commands_processed_total`) + `)`, "commands"}}},
		{Title: "Memory used", Unit: Percent, Stat: true, Description: "Of maxmemory; when it is full, Redis takes no writes.", Queries: []Query{{`max(redis_memory_used_bytes / (redis_memory_max_bytes > 0))`, "memory"}}},
		{Title: "Clients", Unit: Number, Stat: true, Queries: []Query{{`sum(redis_connected_clients)`, "clients"}}},
		{Title: "Keys", Unit: Number, Stat: true, Queries: []Query{{`sum(redis_db_keys)`, "keys"}}},
		{Title: "Commands by name", Unit: PerSec, Queries: []Query{{`topk(6, sum by (cmd) (` + rate(`redis_commands_total`) + `))`, "{{cmd}}"}}},
		{
			Title: "Time of a command", Unit: Seconds, Description: "In Redis itself, on average over all commands.",
			Queries: []Query{{`sum(` + rate(`redis_commands_duration_seconds_total`) + `) / sum(` + rate(`redis_commands_total`) + `)`, "mean"}},
		},
		{
			Title: "Memory", Unit: Bytes, Queries: []Query{{`redis_memory_used_bytes`, "used"}, {`redis_memory_used_rss_bytes`, "resident"}, {`redis_memory_max_bytes`, "maxmemory"}},
		},
		{
			Title: "Network", Unit: Bytes, Description: "Bytes per second.",
			Queries: []Query{{rate(`redis_net_input_bytes_total`), "received"}, {rate(`redis_net_output_bytes_total`), "sent"}},
		},
		{
			Title: "Append-only file", Unit: Bytes, Description: "It is rewritten when it has doubled.",
			Queries: []Query{{`redis_aof_current_size_bytes`, "now"}, {`redis_aof_base_size_bytes`, "after the last rewrite"}},
		},
		{
			Title: "Processor", Unit: Cores, Queries: []Query{{rate(`redis_cpu_user_seconds_total`), "user"}, {rate(`redis_cpu_sys_seconds_total`), "system"}},
		},
	},
}
