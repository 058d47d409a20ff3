package server

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stackctl.dev/stackctl/internal/server/tier"
)

// metrics are the HTTP server's metrics for Prometheus; docs/web.md lists them and the counter's.
type metrics struct {
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
}

func newMetrics(version string, inFlight func() float64) *metrics {
	m := &metrics{registry: tier.NewRegistry(version)}
	m.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "stackctl_http_request_duration_seconds", Help: "Time from a request's header to the end of its response.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"route", "code"})
	m.registry.MustRegister(m.duration,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "stackctl_http_requests_in_flight", Help: "Requests that are being answered.",
		}, inFlight))
	return m
}

// observe records a request under the pattern it matched: the number of paths that clients can request is unbounded.
func (m *metrics) observe(pattern string, code int, took time.Duration) {
	route := strings.TrimSuffix(strings.TrimPrefix(pattern, "GET "), "{$}")
	if route == "" {
		route = "other"
	}
	m.duration.WithLabelValues(route, strconv.Itoa(code)).Observe(took.Seconds())
}
