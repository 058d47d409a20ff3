//go:build unix

package board

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"stackctl.dev/stackctl/internal/dashboards"
	"stackctl.dev/stackctl/internal/prometheus"
	"stackctl.dev/stackctl/internal/prometheus/prometheustest"
)

// rules make what dashboards ask for, with labels that try to become markup and to move a terminal's cursor.
const rules = `
groups:
  - name: test
    rules:
      - {record: process_resident_memory_bytes, expr: "vector(5e7)", labels: {job: web, instance: "` + `</text><script>alert(1)</script>\" onload=\"x\e[31m` + `"}}
      - {record: process_resident_memory_bytes, expr: "vector(6e7)", labels: {job: web, instance: second}}
      - {record: up, expr: "vector(1)", labels: {job: web, instance: second}}
      - {alert: Hostile, expr: "vector(1)", labels: {severity: "<b>"}, annotations: {summary: "<img src=x>"}}
`

func realBoard(t *testing.T) *Board {
	t.Helper()
	address := prometheustest.Start(t, "global: {scrape_interval: 200ms, evaluation_interval: 200ms}\nrule_files: [rules.yml]\n", rules)
	c := prometheus.New(func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "tcp", address) })
	t.Cleanup(c.Close)
	deadline := time.Now().Add(20 * time.Second)
	for {
		found, err := c.Instant(t.Context(), `process_resident_memory_bytes{job="web"}`, time.Now())
		if err == nil && len(found) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the rules were not evaluated: %v, %v", found, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	// The page begins at a multiple of a step; the data is of now.
	return &Board{Project: "shop", Prometheus: c, Now: func() time.Time { return time.Now().Add(5 * time.Second) }}
}

func get(t *testing.T, b *Board, method, target, host string) (int, string, http.Header) {
	t.Helper()
	handler := b.Handler(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5080})
	request := httptest.NewRequest(method, target, nil)
	request.Host = host
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder.Code, recorder.Body.String(), recorder.Header()
}

// TestPages holds that each dashboard is a page without anything that could run, whatever labels and alerts say.
func TestPages(t *testing.T) {
	b := realBoard(t)
	for _, d := range dashboards.All() {
		code, body, head := get(t, b, http.MethodGet, "/"+d.Name+"?range=15m", "127.0.0.1:5080")
		if code != http.StatusOK || !strings.Contains(body, d.Title) {
			t.Fatalf("dashboard %q: %d, %s", d.Name, code, body)
		}
		for _, bad := range []string{"<script", "<img", "(<b>)", "\x1b", `" onload=`, "<nil>", "%!"} {
			if strings.Contains(body, bad) {
				t.Errorf("dashboard %q has %q in it", d.Name, bad)
			}
		}
		if policy := head.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "script") {
			t.Errorf("dashboard %q: the policy is %q", d.Name, policy)
		}
		if !strings.Contains(body, "&lt;img src=x&gt;") {
			t.Errorf("dashboard %q lacks the alert", d.Name)
		}
	}
	_, body, _ := get(t, b, http.MethodGet, "/web", "localhost:5080")
	for _, want := range []string{"&lt;script&gt;", "second", "57.2 MiB", `class="line s1"`, "<desc", ">B</text>", "no data"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestReport(t *testing.T) {
	b := realBoard(t)
	var out strings.Builder
	r, _ := FindRange("1h")
	if err := b.Report(t.Context(), &out, r); err != nil {
		t.Fatal(err)
	}
	for _, d := range dashboards.All() {
		if !strings.Contains(out.String(), `id="`+d.Name+`"`) {
			t.Errorf("the report lacks dashboard %q", d.Name)
		}
	}
	if !strings.Contains(out.String(), `http-equiv="Content-Security-Policy"`) || strings.Contains(out.String(), `http-equiv="refresh"`) {
		t.Error("the report must have a policy, and must not ask again")
	}
}

// broken fails in one way.
type broken struct{ err error }

func (b broken) Range(context.Context, string, time.Time, time.Time, time.Duration) (model.Matrix, error) {
	return nil, b.err
}
func (b broken) Alerts(context.Context) ([]prometheus.Alert, error) { return nil, nil }

func TestRequests(t *testing.T) {
	fine := &Board{Project: "shop", Prometheus: broken{&prometheus.RefusedError{Type: "execution", Text: "too many <samples>"}}}
	off := &Board{Project: "<shop>", Prometheus: broken{fmt.Errorf("asking Prometheus: %w", &prometheus.OffError{Project: "shop"})}}
	for _, c := range []struct {
		board                      *Board
		method, target, host, want string
		code                       int
	}{
		{fine, "GET", "/", "127.0.0.1:5080", "too many &lt;samples&gt;", 200},
		{fine, "GET", "/redis?range=24h", "localhost:5080", "Redis", 200},
		{fine, "HEAD", "/", "[::1]:5080", "", 200},
		{fine, "GET", "/", "evil.example:5080", "open http://127.0.0.1:5080/", 421},
		{fine, "GET", "/", "127.0.0.1.evil.example:5080", "", 421},
		{fine, "GET", "/", "127.0.0.1", "", 421},
		{fine, "GET", "/", "", "", 421},
		{fine, "POST", "/", "127.0.0.1:5080", "only GET", 405},
		{fine, "GET", "/nosuch", "127.0.0.1:5080", "no such dashboard", 404},
		{fine, "GET", "/?range=1y", "127.0.0.1:5080", "no such range", 400},
		{off, "GET", "/", "127.0.0.1:5080", "stackctl up --with monitoring", 502},
	} {
		code, body, head := get(t, c.board, c.method, c.target, c.host)
		if code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s %s of %q: got %d, %s", c.method, c.target, c.host, code, body)
		}
		if head.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(body, "<shop>") {
			t.Errorf("%s %s of %q: headers %v", c.method, c.target, c.host, head)
		}
	}
}

func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	b := &Board{Project: "shop", Prometheus: broken{errors.New("away")}}
	go func() { done <- b.Serve(ctx, l) }()
	response, err := http.Get("http://" + l.Addr().String())
	if err != nil || response.StatusCode != http.StatusBadGateway {
		t.Errorf("got %v, %v", response, err)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end")
	}
}

// TestManySeries holds that the greatest are shown, and the others are counted.
func TestManySeries(t *testing.T) {
	p := many{}
	r, _ := FindRange("15m")
	d := dashboards.Dashboard{Panels: []dashboards.Panel{{Queries: []dashboards.Query{{Expr: "x", Legend: "{{name}}"}}}}}
	found, err := readDashboard(t.Context(), p, d, r, time.Unix(10000, 0))
	if err != nil {
		t.Fatal(err)
	}
	got := found.panels[0]
	if len(got.series) != mostSeries || got.hidden != 12 || got.series[0].Name != "s12" {
		t.Errorf("got %d series from %q, %d hidden", len(got.series), got.series[0].Name, got.hidden)
	}
}

type many struct{ broken }

func (many) Range(_ context.Context, _ string, start, _ time.Time, _ time.Duration) (m model.Matrix, err error) {
	for i := range 20 {
		m = append(m, &model.SampleStream{
			Metric: model.Metric{"name": model.LabelValue(fmt.Sprintf("s%02d", i))},
			Values: []model.SamplePair{{Timestamp: model.TimeFromUnix(start.Unix()), Value: model.SampleValue(i)}},
		})
	}
	return m, nil
}
