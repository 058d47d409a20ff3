package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

var freshID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func TestAccessLog(t *testing.T) {
	s := startSite(t, configFor(t, startRedis(t).Addr()), nil)
	s.request("GET", "/count", "X-Request-ID", "abc-1.2_Z")
	s.get("/nope")
	s.get("/healthz")
	s.get("/readyz")
	tiertest.WaitFor(t, "two access lines", func() bool { return len(s.log.Lines(t, "request")) >= 2 })
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	lines := s.log.Lines(t, "request")
	if len(lines) != 2 {
		t.Fatalf("want one line per request and none for a probe, got %v", lines)
	}
	for i, want := range []map[string]any{
		{"level": "INFO", "request_id": "abc-1.2_Z", "method": "GET", "path": "/count", "status": 200.0, "bytes": 35.0, "visit": 1.0},
		{"level": "INFO", "method": "GET", "path": "/nope", "status": 404.0, "bytes": 19.0, "visit": nil, "redis_ms": nil},
	} {
		for key, value := range want {
			if lines[i][key] != value {
				t.Errorf("line %d: %s is %v, want %v", i, key, lines[i][key], value)
			}
		}
		if d, ok := lines[i]["duration_ms"].(float64); !ok || d < 0 || d > 5000 {
			t.Errorf("line %d: duration_ms is %v", i, lines[i]["duration_ms"])
		}
		if host, _, err := net.SplitHostPort(lines[i]["remote"].(string)); err != nil || host != "127.0.0.1" {
			t.Errorf("line %d: remote is %v", i, lines[i]["remote"])
		}
	}
	if ms, ok := lines[0]["redis_ms"].(float64); !ok || ms < 0 || ms > lines[0]["duration_ms"].(float64) {
		t.Errorf("redis_ms is %v of %v", lines[0]["redis_ms"], lines[0]["duration_ms"])
	}
	if id := lines[1]["request_id"].(string); !freshID.MatchString(id) {
		t.Errorf("request_id is %q", id)
	}
}

// A count that failed has no number, but took its time; what does not count has neither.
func TestAccessLogOfACountThatFails(t *testing.T) {
	s := startSite(t, defaultOnLoopback(), fakeStore{next: func(context.Context) (int64, error) { return 0, errors.New("away") }})
	s.get("/count")
	s.request("POST", "/count")
	tiertest.WaitFor(t, "two access lines", func() bool { return len(s.log.Lines(t, "request")) == 2 })
	lines := s.log.Lines(t, "request")
	if _, ok := lines[0]["redis_ms"].(float64); !ok || lines[0]["visit"] != nil || lines[0]["status"] != 503.0 {
		t.Errorf("failed: %v", lines[0])
	}
	if lines[1]["redis_ms"] != nil || lines[1]["visit"] != nil || lines[1]["status"] != 405.0 {
		t.Errorf("refused: %v", lines[1])
	}
}

func TestProbesAreLoggedAtDebug(t *testing.T) {
	s := startSite(t, configFor(t, startRedis(t).Addr(), "LOG_LEVEL", "debug"), nil)
	s.get("/healthz")
	tiertest.WaitFor(t, "the line of the probe", func() bool { return len(s.log.Lines(t, "request")) == 1 })
	if got := s.log.Lines(t, "request")[0]["level"]; got != "DEBUG" {
		t.Errorf("level %v", got)
	}
}

func TestAccessLogIsBounded(t *testing.T) {
	s := startSite(t, defaultOnLoopback(), fakeStore{})
	s.get("/" + strings.Repeat("ä", 1000))
	tiertest.WaitFor(t, "the access line", func() bool { return len(s.log.Lines(t, "request")) == 1 })
	path := s.log.Lines(t, "request")[0]["path"].(string)
	if len(path) > tier.MaxLogged+len("…") || !strings.HasSuffix(path, "ä…") {
		t.Errorf("path of %d bytes ends in %q", len(path), path[len(path)-8:])
	}
}

func TestRequestID(t *testing.T) {
	s := startSite(t, defaultOnLoopback(), fakeStore{})
	long := strings.Repeat("x", 128)
	for given, kept := range map[string]bool{
		"a": true, long: true, "A.b_c-9": true,
		"": false, long + "x": false, "a b": false, "a\"b": false, "ä": false, "a/b": false,
	} {
		got := s.request("GET", "/", "X-Request-ID", given).Header.Get("X-Request-ID")
		if kept && got != given {
			t.Errorf("%q became %q", given, got)
		}
		if !kept && !freshID.MatchString(got) {
			t.Errorf("%q: want a fresh id, got %q", given, got)
		}
	}
	if a, b := tier.RequestID(""), tier.RequestID(""); a == b {
		t.Errorf("two fresh ids are equal: %s", a)
	}
}

func FuzzRequestID(f *testing.F) {
	for _, seed := range []string{"", "abc", "a.b_c-9", "a\nb", "\x00", strings.Repeat("a", 129)} {
		f.Add(seed)
	}
	allowed := regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}\z`)
	f.Fuzz(func(t *testing.T, given string) {
		got := tier.RequestID(given)
		if !allowed.MatchString(got) {
			t.Errorf("%q became %q", given, got)
		}
		if allowed.MatchString(given) != (got == given) {
			t.Errorf("%q became %q", given, got)
		}
	})
}

func TestPanicIsA500(t *testing.T) {
	s := startSite(t, defaultOnLoopback(), fakeStore{next: func(context.Context) (int64, error) { panic("kaboom") }})
	a := s.request("GET", "/count", "X-Request-ID", "boom")
	if a.Status != 500 || a.Body != "Internal Server Error" {
		t.Errorf("got %d %q", a.Status, a.Body)
	}
	tiertest.WaitFor(t, "the access line", func() bool { return len(s.log.Lines(t, "request")) == 1 })
	if got := s.log.Lines(t, "request")[0]["status"]; got != 500.0 {
		t.Errorf("access line has status %v", got)
	}
	lines := s.log.Lines(t, "handler panicked")
	if len(lines) != 1 || lines[0]["panic"] != "kaboom" || lines[0]["request_id"] != "boom" ||
		!strings.Contains(lines[0]["stack"].(string), "TestPanicIsA500") {
		t.Errorf("log: %v", lines)
	}
	if a := s.get("/"); a.Status != 200 {
		t.Errorf("after the panic: %d", a.Status)
	}
}

// A half-sent answer must not look like a whole one.
func TestPanicAfterTheHeaderAborts(t *testing.T) {
	s := startSite(t, defaultOnLoopback(), fakeStore{})
	front := s.server.http.Handler.(*front)
	front.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("kaboom")
	})
	if a, err := s.do("GET", "/"); err == nil {
		t.Errorf("got a whole answer: %d %q", a.Status, a.Body)
	}
	tiertest.WaitFor(t, "the panic's line", func() bool { return len(s.log.Lines(t, "handler panicked")) == 1 })
}

func TestBodiesAreLimited(t *testing.T) {
	s := startSite(t, defaultOnLoopback(), fakeStore{})
	read := make(chan error, 1)
	s.server.http.Handler.(*front).next = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
	})
	big := bytes.Repeat([]byte("x"), maxBodyBytes+1)
	post := func(body io.Reader) int {
		resp, err := s.client.Post("http://"+s.server.Addr()+"/", "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if got := post(bytes.NewReader(big)); got != http.StatusRequestEntityTooLarge {
		t.Errorf("length known: %d", got)
	}
	post(io.MultiReader(bytes.NewReader(big))) // hides the length from the client
	select {
	case err := <-read:
		if !errors.As(err, new(*http.MaxBytesError)) {
			t.Errorf("length unknown: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the handler was not reached")
	}
}
