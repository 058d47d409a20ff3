package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the HTTP server's metrics for Prometheus; docs/web.md lists them and the counter's.
type metrics struct {
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
}

func newMetrics(version string, inFlight func() float64) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "stackctl_http_request_duration_seconds", Help: "Time from a request's header to the end of its response.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"route", "code"})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "stackctl_build_info", Help: "Always 1; the label has the version of stackctl.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.duration, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
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

// newMetricsServer serves GET /metrics, on a separate port that nginx does not proxy.
func newMetricsServer(m *metrics) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: readTimeout}))
	return &http.Server{
		Handler: mux, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: readTimeout + writeMargin,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
}
