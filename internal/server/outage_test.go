package server

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

// isUnavailable checks what a visitor gets while Redis is away for longer than COUNT_TIMEOUT.
func isUnavailable(t *testing.T, a tiertest.Answer) {
	t.Helper()
	if a.Status != 503 || a.Header.Get("Retry-After") != "1" ||
		a.Body != "The visit counter is not available. Please try again in a moment." {
		t.Errorf("got %d, Retry-After %q, %q", a.Status, a.Header.Get("Retry-After"), a.Body)
	}
}

func TestRedisGoesAndComesBack(t *testing.T) {
	m := startRedis(t)
	s := startSite(t, configFor(t, m.Addr(), "COUNT_TIMEOUT", "100ms"), nil)
	for range 5 {
		s.get("/count")
	}
	m.Close()
	for range 3 {
		isUnavailable(t, s.get("/count"))
	}
	if a := s.get("/readyz"); a.Status != 503 || a.Body != "not ready: redis: connection refused" {
		t.Errorf("readyz: %d %q", a.Status, a.Body)
	}
	if a := s.get("/healthz"); a.Status != 200 {
		t.Errorf("healthz: %d", a.Status)
	}
	if err := m.Restart(); err != nil {
		t.Fatal(err)
	}
	if a := s.get("/count"); a.Body != "This page has been visited 6 times." {
		t.Errorf("first after the outage: %d %q", a.Status, a.Body)
	}
	for _, msg := range []string{"redis answers", "redis is away", "redis is back"} {
		if lines := s.log.Lines(t, msg); len(lines) != 1 {
			t.Errorf("%q is logged %d times: %v", msg, len(lines), lines)
		}
	}
	away := s.log.Lines(t, "redis is away")[0]
	if away["level"] != "WARN" || away["redis"] != m.Addr() {
		t.Errorf("log: %v", away)
	}
}

// Visitors who come while Redis is away wait for it, and none of them is turned away.
func TestVisitorsWaitForRedis(t *testing.T) {
	addr := tiertest.FreeAddr(t)
	s := startSite(t, configFor(t, addr, "REDIS_POOL_SIZE", "2"), nil)
	const visitors = 20
	answers := make(chan tiertest.Answer, visitors)
	for range visitors {
		go func() {
			a, err := s.do(http.MethodGet, "/count")
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	tiertest.WaitFor(t, "the visitors", func() bool { return s.server.inFlight.Load() == visitors })
	tiertest.WaitFor(t, "an attempt", func() bool { return len(s.log.Lines(t, "redis is away")) == 1 })
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr(addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	seen := map[string]bool{}
	for range visitors {
		a := <-answers
		if a.Status != 200 || seen[a.Body] {
			t.Errorf("got %d %q", a.Status, a.Body)
		}
		seen[a.Body] = true
	}
	if n, _ := m.Get("visits"); n != "20" {
		t.Errorf("visits is %q", n)
	}
}

func TestRedisNameUnknown(t *testing.T) {
	s := startSite(t, configFor(t, "redis.invalid:6379", "COUNT_TIMEOUT", "500ms"), nil)
	isUnavailable(t, s.get("/count"))
}

// The first connection is accepted, and then nothing.
func TestRedisHangs(t *testing.T) {
	addr := fakeRedis(t, func([]string) (string, error) { return "", nil })
	s := startSite(t, configFor(t, addr, "COUNT_TIMEOUT", "200ms", "REDIS_POOL_SIZE", "2"), nil)
	var wg sync.WaitGroup
	start := time.Now()
	for range 6 {
		wg.Go(func() {
			a, err := s.do(http.MethodGet, "/count")
			if err != nil {
				t.Error(err)
				return
			}
			isUnavailable(t, a)
		})
	}
	wg.Wait()
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	if a := s.get("/readyz"); a.Status != 503 || a.Body != "not ready: redis: timed out" {
		t.Errorf("readyz: %d %q", a.Status, a.Body)
	}
}
