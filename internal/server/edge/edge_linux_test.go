package edge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// line is what nginx sends for a request.
func line(route string, port, status int, took, proxy, upstream, header, waited, verdict string) string {
	return fmt.Sprintf(`<190>Nov 28 12:00:00 edge: {"uri":"%s","port":%d,"status":%d,"request_time":%s,"proxy":"%s","upstream":"%s","upstream_header_time":"%s","upstream_response_time":"%s","verdict":"%s"}`,
		route, port, status, took, proxy, upstream, header, waited, verdict)
}

// listening returns a server that listens, and a connection to it.
func listening(t *testing.T) (*Server, net.Conn) {
	t.Helper()
	s := New(Config{ListenAddr: "127.0.0.1:0", MetricsAddr: "127.0.0.1:0"}, io.Discard)
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp4", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return s, conn
}

// serve runs it until the test ends.
func serve(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// scrape returns the values of the tier's own series.
func scrape(t *testing.T, s *Server) map[string]float64 {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Get("http://" + s.MetricsAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for text := range bytes.Lines(body) {
		name, value, ok := strings.Cut(strings.TrimSpace(string(text)), " ")
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil && strings.HasPrefix(name, "stackctl_") {
			found[name] = n
		}
	}
	return found
}

// until scrapes until a series has a value.
func until(t *testing.T, s *Server, name string, want float64) map[string]float64 {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		found := scrape(t, s)
		if found[name] == want {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is %v, want %v", name, found[name], want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestWhoAnswered(t *testing.T) {
	s, conn := listening(t)
	serve(t, s)
	lines := []string{
		line("/count", 5002, 200, "0.003", "web", "10.0.0.2:5002", "0.002", "0.002", ""),
		line("/count", 5002, 200, "1.004", "web", "10.0.0.9:5002 : 10.0.0.2:5002", "- : 0.003", "1.000 : 0.003", ""),
		line("/count", 5002, 200, "0.003", "waf", "10.0.0.3:5003", "0.002", "0.002", ""),
		line("/count", 5004, 200, "0.001", "web", "10.0.0.2:5002", "0.001", "0.001", ""), // the firewall's own request
		line("other", 5002, 403, "0.001", "waf", "10.0.0.3:5003", "0.001", "0.001", "blocked"),
		line("/count", 5002, 429, "0.000", "", "", "", "", ""),
		line("/count", 5002, 502, "0.001", "web", "10.0.0.9:5002", "-", "0.001", ""),
		line("/count", 5002, 503, "0.001", "web", "10.0.0.2:5002", "0.001", "0.001", ""),
		line("/", 5002, 503, "0.000", "", "", "", "", ""),
		line("/events", 5002, 200, "3600.000", "web", "10.0.0.2:5002", "0.001", "3600.000", ""),
		line("other", 5002, 200, "0.001", "certs", "10.0.0.4:5003", "0.001", "0.001", ""),
		line("other", 5002, 999, "0.001", "web", "10.0.0.2:5002", "0.001", "0.001", ""),
		"<190>Nov 28 12:00:00 edge: no line of ours", `{"uri":"/`, "",
	}
	for _, text := range lines {
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	found := until(t, s, "stackctl_edge_datagrams_total", float64(len(lines)))
	for name, want := range map[string]float64{
		`requests_total{code="200",tier="web"}`: 4, `requests_total{code="403",tier="waf"}`: 1, `requests_total{code="429",tier="nginx"}`: 1,
		`requests_total{code="502",tier="nginx"}`: 1, `requests_total{code="503",tier="web"}`: 1, `requests_total{code="503",tier="maintenance"}`: 1,
		`requests_total{code="200",tier="certs"}`: 1, `requests_total{code="other",tier="web"}`: 1, `requests_total{code="500",tier="web"}`: 0,
		`request_duration_seconds_count{class="2xx",tier="web"}`:                3, // without the stream
		`request_duration_seconds_bucket{class="2xx",tier="web",le="0.25"}`:     2,
		`upstream_duration_seconds_count{class="2xx",upstream="10.0.0.2:5002"}`: 3,
		`upstream_failures_total{upstream="10.0.0.9:5002"}`:                     2,
		`datagrams_invalid_total`:                                               3, `datagrams_lost_total`: 0,
	} {
		if got, ok := found["stackctl_edge_"+name]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, ok, want)
		}
	}
	if size, free := found["stackctl_disk_size_bytes"], found["stackctl_disk_free_bytes"]; size <= 0 || free < 0 || free > size {
		t.Errorf("the disk has %v bytes, %v free", size, free)
	}
}

// Each line of a flood is counted, either as one that came or as one that was lost.
func TestLostLinesAreCounted(t *testing.T) {
	s, conn := listening(t)
	const sent = 30000
	message := []byte(line("/count", 5002, 200, "0.003", "web", "10.0.0.2:5002", "0.002", "0.002", ""))
	for range sent { // nobody reads yet, so the queue is full soon
		if _, err := conn.Write(message); err != nil {
			t.Fatal(err)
		}
	}
	serve(t, s)
	deadline := time.Now().Add(10 * time.Second)
	for {
		found := scrape(t, s)
		came, lost := found["stackctl_edge_datagrams_total"], found["stackctl_edge_datagrams_lost_total"]
		if came+lost == sent && came > 0 && lost > 0 {
			t.Logf("%v came, %v were lost", came, lost)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v came and %v were lost, of %d", came, lost, sent)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Whatever lines come, there are only so many series.
func TestTheNumberOfSeriesIsBounded(t *testing.T) {
	s, conn := listening(t)
	defer s.lines.Close()
	defer s.runner.Ports[0].Close()
	_ = conn
	now := time.Now()
	s.metrics.now = func() time.Time { now = now.Add(time.Second); return now }
	for i := range 20000 {
		s.count([]byte(line(fmt.Sprint("/", i), 5002, i%1500, "0.001", fmt.Sprint("p", i), fmt.Sprintf("10.%d.%d.1:%d", i/256, i%256, i), "0.001", "0.001", "")))
	}
	families, err := s.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := 0
	for _, f := range families {
		series += len(f.GetMetric())
		if f.GetName() == "stackctl_edge_upstream_failures_total" && len(f.GetMetric()) != maxUpstreams {
			t.Errorf("there are %d upstreams", len(f.GetMetric()))
		}
	}
	if series > 1500 {
		t.Errorf("there are %d series", series)
	}
	t.Logf("%d series", series)
}

func FuzzCount(f *testing.F) {
	f.Add([]byte(line("/count", 5002, 200, "0.003", "web", "a:1, b:2 : -", "0.1, -", "9", "")))
	s := &Server{metrics: newMetrics("", 1)}
	f.Fuzz(func(_ *testing.T, message []byte) { s.count(message) })
}

func BenchmarkCount(b *testing.B) {
	s := &Server{metrics: newMetrics("", 1)}
	message := []byte(line("/count", 5002, 200, "0.003", "web", "10.0.0.2:5002", "0.002", "0.002", ""))
	for b.Loop() {
		s.count(message)
	}
}
