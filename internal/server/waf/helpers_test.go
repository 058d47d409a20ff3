package waf

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// envOf is a getenv over pairs of name and value.
func envOf(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// configFor is the default configuration on free loopback ports, before a backend.
func configFor(t testing.TB, backend string, pairs ...string) Config {
	t.Helper()
	cfg, err := ConfigFromEnv(envOf(append(pairs,
		"WAF_UPSTREAM", strings.TrimPrefix(backend, "http://"), "LISTEN_ADDR", "127.0.0.1:0", "METRICS_ADDR", "127.0.0.1:0")...))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// logBuf is a log that can be read while it is written.
type logBuf struct {
	flush func()
	mu    sync.Mutex
	buf   bytes.Buffer
}

func (b *logBuf) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// lines is the log with the given message. It fails the test where a line is not JSON.
func (b *logBuf) lines(t testing.TB, msg string) []map[string]any {
	t.Helper()
	b.flush()
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(b.buf.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("log line is not JSON: %v\n%s", err, line)
		}
		if fields["msg"] == msg {
			found = append(found, fields)
		}
	}
	return found
}

// site is a tier under test before a backend, and a client for it.
type site struct {
	t      testing.TB
	server *Server
	log    *logBuf
	client *http.Client
	stop   func() error // cancels, waits for Serve and returns its error; repeatable
}

// startSite serves before a backend with the environment's settings.
func startSite(t testing.TB, backend http.Handler, pairs ...string) *site {
	t.Helper()
	behind := httptest.NewServer(backend)
	t.Cleanup(behind.Close)
	return startBefore(t, behind.URL, pairs...)
}

func startBefore(t testing.TB, backend string, pairs ...string) *site {
	t.Helper()
	s := &site{t: t, log: &logBuf{}, client: &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	var err error
	if s.server, err = New(configFor(t, backend, pairs...), s.log); err != nil {
		t.Fatal(err)
	}
	s.log.flush = s.server.flushLog
	s.serve()
	return s
}

func (s *site) serve() {
	s.t.Helper()
	if err := s.server.Listen(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(ctx) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	s.t.Cleanup(func() {
		s.client.CloseIdleConnections()
		_ = s.stop() // tests of the drain look at its error themselves
	})
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(method, path, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+s.server.Addr()+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(content)}, err
}

func (s *site) request(method, path, body string, header ...string) answer {
	s.t.Helper()
	a, err := s.do(method, path, body, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *site) get(path string, header ...string) answer {
	s.t.Helper()
	return s.request(http.MethodGet, path, "", header...)
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
	_, _ = io.WriteString(w, "Hello!")
}

// waitFor polls until cond holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited 5s for %s", what)
		}
	}
}
