package tier

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry returns a registry with what each tier has: the version of stackctl, the metrics of the process and of Go,
// and the limit of its memory.
func NewRegistry(version string) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "stackctl_build_info", Help: "Always 1; the label has the version of stackctl.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newLimits())
	return registry
}

// Management serves GET /metrics and, where healthz is not nil, GET /healthz: on a port of their own, which nginx does not proxy.
func Management(registry *prometheus.Registry, healthz http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: ReadTimeout}))
	if healthz != nil {
		mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			healthz(w, r)
		})
	}
	return mux
}

// Healthy is the healthz of a tier that is well if it answers.
func Healthy(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok")) // an error means that the client is gone
}
