package hold

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

// ask returns the status that a holder's answer has, once it comes.
func ask(t *testing.T, addr string) <-chan int {
	t.Helper()
	answer := make(chan int, 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			answer <- 0
			return
		}
		resp.Body.Close()
		answer <- resp.StatusCode
	}()
	return answer
}

// start serves, and returns its address, what releases the requests, and what stops it and returns Run's error.
func start(t *testing.T, pairs ...string) (addr string, release chan struct{}, stop func() error) {
	t.Helper()
	addr = tiertest.FreeAddr(t)
	cfg, err := ConfigFromEnv(tiertest.Env(append(pairs, "LISTEN_ADDR", addr)...))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	release = make(chan struct{})
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg, release, io.Discard) }()
	t.Cleanup(cancel)
	tiertest.WaitFor(t, "the tier to listen", func() bool {
		resp, err := http.Get("http://" + addr + "/healthz")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	return addr, release, func() error { cancel(); return <-done }
}

func TestRequestsWaitUntilTheyAreReleased(t *testing.T) {
	addr, release, stop := start(t)
	first, second := ask(t, addr), ask(t, addr)
	select {
	case status := <-first:
		t.Fatalf("one that should wait got %d", status)
	case status := <-second:
		t.Fatalf("one that should wait got %d", status)
	case <-time.After(100 * time.Millisecond):
	}
	close(release)
	if a, b := <-first, <-second; a != http.StatusNoContent || b != http.StatusNoContent {
		t.Errorf("those that waited got %d and %d", a, b)
	}
	if status := <-ask(t, addr); status != http.StatusNoContent {
		t.Errorf("one that came later got %d", status)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestWaitingHasAnEnd(t *testing.T) {
	addr, _, stop := start(t, "HOLD_FOR", "1s", "HOLD_MAX", "1")
	begin := time.Now()
	first := ask(t, addr)
	time.Sleep(100 * time.Millisecond)
	if status := <-ask(t, addr); status != http.StatusForbidden || time.Since(begin) > 900*time.Millisecond {
		t.Errorf("one too many got %d after %s", status, time.Since(begin))
	}
	if status := <-first; status != http.StatusForbidden || time.Since(begin) < time.Second {
		t.Errorf("one that waited for long enough got %d after %s", status, time.Since(begin))
	}
	last := ask(t, addr)
	time.Sleep(100 * time.Millisecond)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if status := <-last; status != http.StatusNoContent {
		t.Errorf("one that waited when the tier ended got %d", status)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	_, err := ConfigFromEnv(tiertest.Env("HOLD_FOR", "1h", "HOLD_MAX", "0"))
	if err == nil || len(err.Error()) < 40 {
		t.Errorf("got %v", err)
	}
}
