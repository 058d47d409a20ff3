package waf

import (
	"time"

	"github.com/corazawaf/coraza/v3/types"
	"github.com/prometheus/client_golang/prometheus"

	"stackctl.dev/stackctl/internal/server/tier"
)

// metrics are the tier's metrics for Prometheus; docs/waf.md lists them.
type metrics struct {
	registry   *prometheus.Registry
	duration   *prometheus.HistogramVec
	inspection prometheus.Histogram
	matched    *prometheus.CounterVec
}

func newMetrics(version string, inFlight func() float64) *metrics {
	m := &metrics{registry: tier.NewRegistry(version)}
	buckets := []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	m.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "stackctl_waf_request_duration_seconds", Help: "Time from a request's header to the end of its response.", Buckets: buckets,
	}, []string{"verdict"})
	m.inspection = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "stackctl_waf_inspection_seconds", Help: "Time that the rules took of it, waiting for others included.", Buckets: buckets,
	})
	m.matched = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stackctl_waf_rules_matched_total", Help: "Rules that matched, by the kind of attack that they look for.",
	}, []string{"attack"})
	m.registry.MustRegister(m.duration, m.inspection, m.matched,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "stackctl_waf_requests_in_flight", Help: "Requests that are being answered.",
		}, inFlight))
	return m
}

func (m *metrics) observe(verdict string, took, inspecting time.Duration, matches []types.MatchedRule) {
	m.duration.WithLabelValues(verdict).Observe(took.Seconds())
	m.inspection.Observe(inspecting.Seconds())
	for _, match := range matches {
		m.matched.WithLabelValues(attackOf(match)).Inc()
	}
}
