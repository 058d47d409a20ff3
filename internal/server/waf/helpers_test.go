package waf

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// configFor is the default configuration on free loopback ports, before a backend.
func configFor(t testing.TB, backend string, pairs ...string) Config {
	t.Helper()
	cfg, err := ConfigFromEnv(tiertest.Env(append(pairs,
		"WAF_UPSTREAM", strings.TrimPrefix(backend, "http://"), "LISTEN_ADDR", "127.0.0.1:0", "METRICS_ADDR", "127.0.0.1:0")...))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// site is a tier under test before a backend, and a client for it.
type site struct {
	t      testing.TB
	server *Server
	log    *tiertest.Log
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
	s := &site{t: t, log: &tiertest.Log{}, client: &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	var err error
	if s.server, err = New(configFor(t, backend, pairs...), s.log); err != nil {
		t.Fatal(err)
	}
	s.log.Flush = s.server.runner.Flush
	s.serve()
	return s
}

func (s *site) serve() {
	s.t.Helper()
	if err := s.server.Listen(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.stop = tiertest.Serve(s.t, s.server.Serve)
	s.t.Cleanup(s.client.CloseIdleConnections)
}

func (s *site) do(method, path, body string, header ...string) (tiertest.Answer, error) {
	return tiertest.Ask(s.client, method, "http://"+s.server.Addr()+path, body, header...)
}

func (s *site) request(method, path, body string, header ...string) tiertest.Answer {
	s.t.Helper()
	a, err := s.do(method, path, body, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *site) get(path string, header ...string) tiertest.Answer {
	s.t.Helper()
	return s.request(http.MethodGet, path, "", header...)
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
	_, _ = io.WriteString(w, "Hello!")
}
