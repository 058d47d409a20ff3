package server

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// scrape is the answer of /metrics.
func scrape(t *testing.T, s *site) string {
	t.Helper()
	resp, err := s.client.Get("http://" + s.server.MetricsAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
	return string(body)
}

func TestMetrics(t *testing.T) {
	cfg := configFor(t, startRedis(t).Addr())
	cfg.Version = "v1.2.3"
	s := startSite(t, cfg, nil)
	s.get("/count")
	s.get("/count")
	s.request("POST", "/count")
	s.get("/made-up")
	s.request("BREW", "/")
	body := scrape(t, s)
	for _, want := range []string{
		`stackctl_http_request_duration_seconds_count{code="200",route="/count"} 2`,
		`stackctl_http_request_duration_seconds_count{code="405",route="/count"} 1`,
		`stackctl_http_request_duration_seconds_count{code="404",route="other"} 1`,
		`stackctl_http_request_duration_seconds_count{code="405",route="other"} 1`,
		`stackctl_http_requests_in_flight 0`,
		`stackctl_visits_batch_size_sum 2`,
		`stackctl_visits_batch_size_count 2`,
		`stackctl_visits_batch_duration_seconds_count 2`,
		`stackctl_visits_wait_seconds_count 2`,
		`stackctl_visits_batch_retries_total 0`,
		`stackctl_visits_shed_total 0`,
		`stackctl_visits_waiting 0`,
		`stackctl_redis_pool_connections 1`,
		`stackctl_redis_pool_misses_total 1`,
		`stackctl_build_info{version="v1.2.3"} 1`,
		"go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(body, "\n"+want) {
			t.Errorf("no line %s", want)
		}
	}
	if t.Failed() {
		t.Log(regexp.MustCompile(`(?m)^(#|go_|process_).*\n`).ReplaceAllString(body, ""))
	}
	if a := s.get("/metrics"); a.Status != 404 {
		t.Errorf("visitors can read /metrics: %d", a.Status)
	}
	problems, err := testutil.GatherAndLint(s.server.metrics.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsCanBeOff(t *testing.T) {
	s := startSite(t, configFor(t, startRedis(t).Addr(), "METRICS_ADDR", "off"), nil)
	if addr := s.server.MetricsAddr(); addr != "" {
		t.Errorf("listens on %s", addr)
	}
	s.get("/")
}
