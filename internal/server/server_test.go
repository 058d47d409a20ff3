package server

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

func TestDrainAnswersWhatIsInFlight(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := startSite(t, defaultOnLoopback(), fakeStore{next: func(context.Context) (int64, error) {
		close(entered)
		<-release
		return 42, nil
	}})
	got := make(chan tiertest.Answer, 1)
	go func() {
		a, err := s.do("GET", "/count")
		if err != nil {
			t.Error(err)
		}
		got <- a
	}()
	<-entered
	start := time.Now()
	go func() { _ = s.stop() }()
	tiertest.WaitFor(t, "the listener to close", func() bool {
		conn, err := net.Dial("tcp", s.server.Addr())
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(release)
	if a := <-got; a.Status != 200 || a.Body != "This page has been visited 42 times." {
		t.Errorf("got %d %q", a.Status, a.Body)
	}
	if err := s.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s", took)
	}
}

func TestDrainEndsWithinASecond(t *testing.T) {
	entered := make(chan struct{})
	s := startSite(t, defaultOnLoopback(), fakeStore{next: func(ctx context.Context) (int64, error) {
		close(entered)
		<-ctx.Done()
		return 0, ctx.Err()
	}})
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		if a, err := s.do("GET", "/count"); err == nil {
			t.Errorf("answered %d", a.Status)
		}
	}()
	<-entered
	start := time.Now()
	err := s.stop()
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s", took)
	}
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "draining 1 requests within 900ms: ") {
		t.Errorf("Serve: %v", err)
	}
	<-cut
}

// Redis hangs while the server has to stop: closing its connections ends the request.
func TestDrainWithARedisThatHangs(t *testing.T) {
	addr := fakeRedis(t, func([]string) (string, error) { return "", nil })
	cfg := configFor(t, addr, "COUNT_TIMEOUT", "30s", "SHUTDOWN_TIMEOUT", "50ms")
	s := startSite(t, cfg, nil)
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		_, _ = s.do("GET", "/count")
	}()
	tiertest.WaitFor(t, "the request", func() bool { return s.server.inFlight.Load() == 1 })
	if err := s.stop(); err == nil {
		t.Error("a clean drain, though a request was cut")
	}
	<-cut
	tiertest.WaitFor(t, "the handler to end", func() bool { return s.server.inFlight.Load() == 0 })
	if lines := s.log.Lines(t, "redis is away"); lines != nil {
		t.Errorf("our own shutdown is logged as Redis's: %v", lines)
	}
}

// A connection on which nothing was ever asked cannot make a drain unclean.
func TestDrainWithASilentConnection(t *testing.T) {
	cfg := defaultOnLoopback()
	cfg.ShutdownTimeout = 50 * time.Millisecond
	s := startSite(t, cfg, fakeStore{})
	conn, err := net.Dial("tcp", s.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.get("/") // answered on a later connection: the silent one has been accepted
	if err := s.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestRun(t *testing.T) {
	cfg := configFor(t, startRedis(t).Addr())
	cfg.ListenAddr = tiertest.FreeAddr(t)
	log := &tiertest.Log{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg, log) }()
	tiertest.WaitFor(t, "readiness", func() bool { return tier.Check(t.Context(), cfg.ListenAddr, "/readyz") == nil })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	for _, msg := range []string{"listening", "redis answers", "draining", "stopped"} {
		if lines := log.Lines(t, msg); len(lines) != 1 {
			t.Errorf("%q is logged %d times", msg, len(lines))
		}
	}
}

func TestBindError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cfg := defaultConfig()
	cfg.MetricsAddr = ""
	cfg.ListenAddr = ln.Addr().String()
	err = Run(t.Context(), cfg, &tiertest.Log{})
	if err == nil || !strings.HasPrefix(err.Error(), `listening on "`+cfg.ListenAddr+`" `) {
		t.Errorf("Run: %v", err)
	}
}

// nginx keeps upstream connections for 60 s and must be the one that closes them; no timeout may
// cut a count that is still within its deadline.
func TestTimeoutsFitTogether(t *testing.T) {
	cfg := defaultConfig()
	cfg.CountTimeout = 30 * time.Second
	s := serverWith(cfg, &tiertest.Log{}, fakeStore{})
	if s.http.IdleTimeout <= 60*time.Second {
		t.Errorf("IdleTimeout %s", s.http.IdleTimeout)
	}
	if s.http.WriteTimeout <= cfg.CountTimeout {
		t.Errorf("WriteTimeout %s", s.http.WriteTimeout)
	}
	if readyTimeout >= tier.CheckTimeout {
		t.Errorf("readyTimeout %s", readyTimeout)
	}
}
