package certs

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/server/tier"
)

// newMonitor serves GET /healthz and GET /metrics.
func newMonitor(k *keeper, version string) http.Handler {
	registry := tier.NewRegistry(version)
	registry.MustRegister(newStateCollector(k))
	return tier.Management(registry, func(w http.ResponseWriter, _ *http.Request) { healthz(w, k.Status(), time.Now()) })
}

// healthz says whether nginx has a pair to answer with: also an expired one or a placeholder, since restarting this container would not
// bring a better one. Which one it is stands in the text, in status.json and in /metrics.
func healthz(w http.ResponseWriter, s certificate.Status, now time.Time) {
	if s.Issuer == "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		reason := s.LastError
		if reason == "" {
			reason = "it is being made"
		}
		fmt.Fprintf(w, "no certificate: %s", reason)
		return
	}
	state := "ok"
	if s.Left(now) < 0 {
		state = "expired"
	}
	fmt.Fprintf(w, "%s: %s until %s", state, s.Issuer, s.NotAfter.Format(time.RFC3339))
	if s.LastError != "" {
		fmt.Fprintf(w, "; last attempt: %s", s.LastError)
	}
}

// stateCollector reads the keeper's state once for each scrape, so that its values belong together.
type stateCollector struct {
	keeper *keeper
	info, notAfter, left, next,
	renewals, failures, failing *prometheus.Desc
}

func newStateCollector(k *keeper) *stateCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &stateCollector{
		keeper:   k,
		info:     desc("stackctl_certificate_info", "Always 1; the labels say where the certificate in use is from.", "issuer", "configured"),
		notAfter: desc("stackctl_certificate_not_after_timestamp_seconds", "When the certificate in use expires."),
		left:     desc("stackctl_certificate_left_seconds", "How long the certificate in use is still valid; negative once it has expired."),
		next:     desc("stackctl_certificate_next_renewal_timestamp_seconds", "When the issuer is asked next."),
		renewals: desc("stackctl_certificate_renewals_total", "Certificates taken into use."),
		failures: desc("stackctl_certificate_failures_total", "Attempts to get a certificate that failed."),
		failing:  desc("stackctl_certificate_failing", "1 if the last attempt failed; status.json has its error."),
	}
}

func (c *stateCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.info, c.notAfter, c.left, c.next, c.renewals, c.failures, c.failing} {
		to <- d
	}
}

func (c *stateCollector) Collect(to chan<- prometheus.Metric) {
	s, failures := c.keeper.Status(), c.keeper.failuresTotal()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	issuer := s.Issuer
	if issuer == "" {
		issuer = "none"
	}
	send(c.info, prometheus.GaugeValue, 1, issuer, s.Configured)
	if s.Issuer != "" {
		send(c.notAfter, prometheus.GaugeValue, float64(s.NotAfter.Unix()))
		send(c.left, prometheus.GaugeValue, s.Left(time.Now()).Seconds())
	}
	if !s.NextRenewal.IsZero() {
		send(c.next, prometheus.GaugeValue, float64(s.NextRenewal.Unix()))
	}
	send(c.renewals, prometheus.CounterValue, float64(s.Renewals))
	send(c.failures, prometheus.CounterValue, float64(failures))
	failing := 0.0
	if s.Failures > 0 {
		failing = 1
	}
	send(c.failing, prometheus.GaugeValue, failing)
}
