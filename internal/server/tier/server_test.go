package tier_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

// runner has two ports, of which the first counts its requests and hangs in /hang until the test's end.
func runner(t *testing.T) (*tier.Runner, *tiertest.Log) {
	t.Helper()
	log, busy, end := &tiertest.Log{}, new(atomic.Int64), make(chan struct{})
	t.Cleanup(func() { close(end) })
	mux := http.NewServeMux()
	mux.HandleFunc("/hang", func(http.ResponseWriter, *http.Request) {
		busy.Add(1)
		defer busy.Add(-1)
		<-end
	})
	logger := tier.NewLogger(log, 0)
	return &tier.Runner{Log: logger, Timeout: 100 * time.Millisecond, InFlight: busy.Load, Ports: []*tier.Port{
		{Addr: "127.0.0.1:0", Hint: "A sets another address", Server: tier.NewServer(mux, logger)},
		{Addr: "127.0.0.1:0", For: "/healthz", Hint: "B sets another address", Server: tier.NewServer(tier.Management(tier.NewRegistry("v1"), tier.Healthy), logger)},
	}}, log
}

func listen(t *testing.T, r *tier.Runner) {
	t.Helper()
	if err := r.Listen(t.Context(), func() []any { return nil }); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, url string) (tiertest.Answer, error) {
	t.Helper()
	return tiertest.Ask(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}, http.MethodGet, url, "")
}

// The work ends after the last request, and a runner without requests ends without an error.
func TestRunnerStopsInOrder(t *testing.T) {
	r, log := runner(t)
	r.Work = []func(context.Context) error{func(ctx context.Context) error {
		<-ctx.Done()
		if _, err := ask(t, "http://"+r.Ports[0].At()+"/"); err == nil {
			t.Error("requests are answered while the work ends")
		}
		return ctx.Err()
	}}
	listen(t, r)
	stop := tiertest.Serve(t, r.Serve)
	for path, want := range map[string]string{"/healthz": "ok", "/metrics": `stackctl_build_info{version="v1"} 1`} {
		if a, err := ask(t, "http://"+r.Ports[1].At()+path); err != nil || a.Status != http.StatusOK || !strings.Contains(a.Body, want) {
			t.Errorf("%s: %v %v", path, a, err)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for _, msg := range []string{"listening", "draining", "stopped"} {
		if len(log.Lines(t, msg)) != 1 {
			t.Errorf("the log has no line %q once:\n%s", msg, log)
		}
	}
}

func TestRunnerReportsLostRequests(t *testing.T) {
	r, _ := runner(t)
	listen(t, r)
	stop := tiertest.Serve(t, r.Serve)
	lost := make(chan error, 1)
	go func() {
		_, err := ask(t, "http://"+r.Ports[0].At()+"/hang")
		lost <- err
	}()
	tiertest.WaitFor(t, "the request", func() bool { return r.InFlight() == 1 })
	if err := stop(); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "draining 1 requests within 100ms: ") {
		t.Errorf("got %v", err)
	}
	if err := <-lost; err == nil {
		t.Error("the request got an answer")
	}
}

// A failure of a server or of the work ends everything.
func TestRunnerReportsFailures(t *testing.T) {
	broken := errors.New("broken")
	for name, breakIt := range map[string]func(*tier.Runner) error{
		"work": func(r *tier.Runner) error {
			r.Work = append(r.Work, func(context.Context) error { return broken })
			return broken
		},
		"server": func(r *tier.Runner) error {
			_ = r.Ports[1].Close()
			return net.ErrClosed
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := runner(t)
			listen(t, r)
			want := breakIt(r)
			if err := r.Serve(t.Context()); !errors.Is(err, want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Of two addresses of which one is taken, none stays open, and the error says what sets another one.
func TestListenOpensAllOrNone(t *testing.T) {
	taken, _ := runner(t)
	listen(t, taken)
	defer taken.Ports[0].Close()
	defer taken.Ports[1].Close()
	r, _ := runner(t)
	r.Ports[0].Addr = tiertest.FreeAddr(t)
	r.Ports[1].Addr = taken.Ports[0].At()
	err := r.Listen(t.Context(), func() []any { return nil })
	if err == nil || !strings.HasPrefix(err.Error(), `listening on "`+r.Ports[1].Addr+`" for /healthz (B sets another address): `) {
		t.Errorf("got %v", err)
	}
	r.Ports[1].Addr = "127.0.0.1:0"
	listen(t, r)
	_ = r.Ports[0].Close()
	_ = r.Ports[1].Close()
}
