package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/fault"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

func TestRoutes(t *testing.T) {
	s := startSite(t, configFor(t, startRedis(t).Addr()), nil)
	tests := []struct {
		method, path string
		status       int
		body         string
		allow        string
		cache        string
	}{
		{"GET", "/", 200, "Welcome to the CoderCo Container Challenge", "", ""},
		{"GET", "/count", 200, "This page has been visited 1 times.", "", "no-store"},
		{"GET", "/healthz", 200, "ok", "", "no-store"},
		{"GET", "/readyz", 200, "ready", "", "no-store"},
		{"HEAD", "/", 200, "", "", ""},
		{"HEAD", "/healthz", 200, "", "", "no-store"},
		{"HEAD", "/readyz", 200, "", "", "no-store"},
		{"HEAD", "/count", 405, "", "GET", "no-store"},
		{"POST", "/count", 405, "Method Not Allowed", "GET", "no-store"},
		{"POST", "/", 405, "Method Not Allowed\n", "GET, HEAD", ""},
		{"DELETE", "/healthz", 405, "Method Not Allowed\n", "GET, HEAD", ""},
		{"GET", "/nope", 404, "404 page not found\n", "", ""},
		{"GET", "/count/", 404, "404 page not found\n", "", ""},
		{"POST", "/nope", 404, "404 page not found\n", "", ""},
		{"GET", "/count", 200, "This page has been visited 2 times.", "", "no-store"}, // nothing above has counted
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			a := s.request(tt.method, tt.path)
			if a.Status != tt.status || a.Body != tt.body {
				t.Errorf("got %d %q, want %d %q", a.Status, a.Body, tt.status, tt.body)
			}
			if got := a.Header.Get("Allow"); got != tt.allow {
				t.Errorf("Allow: got %q, want %q", got, tt.allow)
			}
			if got := a.Header.Get("Cache-Control"); got != tt.cache {
				t.Errorf("Cache-Control: got %q, want %q", got, tt.cache)
			}
			if got := a.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type: got %q", got)
			}
		})
	}
}

func TestCountGivesEveryoneAnotherNumber(t *testing.T) {
	const workers, each = 16, 25
	// Fewer connections than workers, so that some have to wait for one.
	s := startSite(t, configFor(t, startRedis(t).Addr(), "REDIS_POOL_SIZE", "4"), nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	for range workers {
		wg.Go(func() {
			for range each {
				a, err := s.do(http.MethodGet, "/count")
				if err != nil || a.Status != 200 {
					t.Errorf("counting: %d %q %v", a.Status, a.Body, err)
					return
				}
				mu.Lock()
				seen[a.Body]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for n := 1; n <= workers*each; n++ {
		body := fmt.Sprintf("This page has been visited %d times.", n)
		if seen[body] != 1 {
			t.Errorf("%q was answered %d times", body, seen[body])
		}
	}
}

func TestCountOfAKeyThatIsNotANumber(t *testing.T) {
	tests := map[string]func(t *testing.T) string{
		"text": func(t *testing.T) string {
			m := startRedis(t)
			_ = m.Set("visits", "many")
			return m.Addr()
		},
		"list": func(t *testing.T) string {
			m := startRedis(t)
			_, _ = m.Push("visits", "1")
			return m.Addr()
		},
		"overflow": func(t *testing.T) string {
			return fakeRedis(t, func(cmd []string) (string, error) {
				switch cmd[0] {
				case "EVAL": // registering
					return "$-1\r\n", nil
				case "EVALSHA":
					return "-ERR increment or decrement would overflow script: 0\r\n", nil
				}
				return "-ERR unknown command\r\n", nil
			})
		},
	}
	for name, start := range tests {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, configFor(t, start(t)), nil)
			a := s.get("/count")
			known := fault.NotANumber
			if strings.Contains(name, "overflow") {
				known = fault.Full
			}
			want := known.State + ". Please ask the operator to reset it."
			if a.Status != 500 || a.Body != want {
				t.Errorf("got %d %q", a.Status, a.Body)
			}
			lines := s.log.Lines(t, "cannot count")
			if len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["fix"] != known.Fix ||
				!strings.HasPrefix(lines[0]["error"].(string), `incrementing "visits": `) || !strings.Contains(lines[0]["error"].(string), known.State) {
				t.Errorf("log: %v", lines)
			}
			if away := s.log.Lines(t, "redis is away"); away != nil {
				t.Errorf("a Redis that answers is logged as away: %v", away)
			}
		})
	}
}

func TestClientThatLeavesIsNotAFailure(t *testing.T) {
	entered := make(chan struct{})
	s := startSite(t, defaultOnLoopback(), fakeStore{next: func(ctx context.Context) (int64, error) {
		close(entered)
		<-ctx.Done()
		return 0, ctx.Err()
	}})
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.server.Addr()+"/count", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if resp, err := s.client.Do(req); err == nil {
			resp.Body.Close()
			t.Errorf("answered %d", resp.StatusCode)
		}
	}()
	<-entered
	leave()
	<-left
	tiertest.WaitFor(t, "the access line", func() bool { return len(s.log.Lines(t, "request")) == 1 })
	if got := s.log.Lines(t, "request")[0]["status"]; got != 499.0 {
		t.Errorf("status %v", got)
	}
}

// defaultOnLoopback is for sites with a fake store.
func defaultOnLoopback() Config {
	cfg := defaultConfig()
	cfg.ListenAddr, cfg.MetricsAddr = "127.0.0.1:0", ""
	cfg.CountTimeout = 5 * time.Second
	return cfg
}
