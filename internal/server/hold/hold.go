// Package hold is the tier that lets requests wait during a maintenance. nginx asks it, before it passes a request on, whether the request
// may go on (`auth_request`), and the answer takes until the maintenance ends, or until the request has waited for as long as one may. The
// request itself stays in nginx: nothing of it was sent.
package hold

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
)

// Config is the tier's configuration. In the container it comes from the environment; an unset or empty variable means its default:
//
//	LISTEN_ADDR  :5006  host:port to listen on; port 0 takes a free one
//	LOG_LEVEL    info   debug, info, warn or error
//	HOLD_FOR     30s    1s to 5m, how long a request may wait
//	HOLD_MAX     2000   1 to 8000, the largest number of requests that wait; others go on to the message at once
type Config struct {
	ListenAddr string
	LogLevel   slog.Level
	For        time.Duration
	Max        int
}

// ConfigFromEnv reads a Config from the environment variables. One error reports all invalid values.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	e := tier.NewEnv(getenv)
	cfg := Config{
		ListenAddr: tier.Read(e, "LISTEN_ADDR", ":5006", "host:port, the port 0 to 65535", tier.ParseListenAddr),
		LogLevel:   tier.Read(e, "LOG_LEVEL", "info", "debug, info, warn or error", tier.ParseLevel),
		For:        tier.Read(e, "HOLD_FOR", "30s", "a duration, 1s to 5m", tier.DurationWithin(time.Second, 5*time.Minute)),
		Max:        tier.Read(e, "HOLD_MAX", "2000", "a number, 1 to 8000", tier.IntWithin(1, 8000)),
	}
	if err := e.Err(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// Run listens and serves until ctx is done. When release is closed, all who wait may go on, and so may all who come later. It writes
// the log to log as JSON lines.
func Run(ctx context.Context, cfg Config, release <-chan struct{}, log io.Writer) error {
	buffer := tier.NewLogBuffer(log)
	logger := tier.NewLogger(buffer, cfg.LogLevel)
	h := newHolder(cfg, release)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.Handle("/", h)
	serving := tier.NewServer(mux, logger)
	serving.ReadTimeout, serving.WriteTimeout = 0, 0 // an answer takes as long as a request may wait; nginx is the only client
	runner := &tier.Runner{
		Log: logger, Flush: buffer.Flush, Timeout: 900 * time.Millisecond, InFlight: h.waiting.Load,
		Ports: []*tier.Port{{Addr: cfg.ListenAddr, Hint: "LISTEN_ADDR sets another address", Server: serving}},
		Work: []func(context.Context) error{func(ctx context.Context) error {
			select {
			case <-release:
				logger.Info("released", "waiting", h.waiting.Load())
			case <-ctx.Done():
			}
			return nil
		}},
	}
	if err := runner.Listen(ctx, func() []any { return []any{"for", cfg.For.String(), "max", cfg.Max} }); err != nil {
		return err
	}
	context.AfterFunc(ctx, h.stop) // whoever still waits when the tier ends goes on
	return runner.Serve(ctx)
}

// holder answers 204 to a request that may go on, and 403 to one that has waited for long enough.
type holder struct {
	cfg     Config
	release <-chan struct{}
	stopped chan struct{}
	stop    func()
	waiting atomic.Int64
}

func newHolder(cfg Config, release <-chan struct{}) *holder {
	h := &holder{cfg: cfg, release: release, stopped: make(chan struct{})}
	h.stop = sync.OnceFunc(func() { close(h.stopped) })
	return h
}

func (h *holder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.waiting.Add(-1)
	status := http.StatusForbidden
	if h.waiting.Add(1) <= int64(h.cfg.Max) {
		timer := time.NewTimer(h.cfg.For)
		defer timer.Stop()
		select {
		case <-h.release:
			status = http.StatusNoContent
		case <-h.stopped:
			status = http.StatusNoContent
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	w.WriteHeader(status)
}
