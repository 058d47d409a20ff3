// Package server is the web tier of the three-tier stack: it stands between nginx and Redis,
// and counts visits.
package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"stackctl.dev/stackctl/internal/server/live"
	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/server/visits"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	// writeMargin is added to COUNT_TIMEOUT for WriteTimeout, which includes the time of the count.
	writeMargin = 5 * time.Second
	// idleTimeout is longer than the 60 s after which nginx closes an idle connection to its
	// upstream. Otherwise nginx would sometimes send a request on a connection that is just being
	// closed here, and answer 502.
	idleTimeout    = 75 * time.Second
	maxHeaderBytes = 16 << 10
)

// Server is the web tier. New, Listen and Serve are called in this order; Run calls all three.
type Server struct {
	cfg      Config
	log      *slog.Logger
	flushLog func()
	backend  backend
	page     *live.Page // nil for none
	inFlight atomic.Int64

	http     *http.Server
	listener net.Listener

	metrics         *metrics
	metricsServer   *http.Server
	metricsListener net.Listener // nil where METRICS_ADDR is off
}

// backend is the store that the routes use and that Serve closes.
type backend interface {
	counter
	pinger
	io.Closer
}

// Run listens, serves until ctx is done, drains and returns. It writes the log to log as JSON
// lines. It returns nil if every in-flight request was answered, with the default
// SHUTDOWN_TIMEOUT within a second. Redis need not run, neither at the start nor later.
func Run(ctx context.Context, cfg Config, log io.Writer) error {
	s, err := New(cfg, log)
	if err != nil {
		return err
	}
	if err := s.Listen(ctx); err != nil {
		return err
	}
	return s.Serve(ctx)
}

// New returns a server that listens after Listen and dials Redis at the first request. It returns an error if the page is not a valid
// template.
func New(cfg Config, log io.Writer) (*Server, error) {
	buffer := tier.NewLogBuffer(log)
	s := newServer(cfg, tier.NewLogger(buffer, cfg.LogLevel))
	s.flushLog = buffer.Flush
	store := visits.Open(visits.Options{
		Addr: cfg.RedisAddr(), Timeout: cfg.CountTimeout, PoolSize: cfg.RedisPoolSize,
		User: cfg.RedisUsername, PasswordFile: cfg.RedisPasswordFile,
	}, s.log, s.metrics.registry)
	if cfg.Page != "" {
		var err error
		if s.page, err = live.New(store, cfg.Page, s.log); err != nil {
			return nil, err
		}
	}
	s.use(store)
	return s, nil
}

func newServer(cfg Config, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, log: log, flushLog: func() {}}
	s.metrics = newMetrics(cfg.Version, func() float64 { return float64(s.inFlight.Load()) })
	s.metricsServer = newMetricsServer(s.metrics)
	return s
}

// use sets the server's store and its routes.
func (s *Server) use(b backend) {
	s.backend = b
	r := &routes{counter: b, pinger: b, page: s.page, log: s.log}
	s.http = &http.Server{
		Handler:           &front{next: r.mux(), log: s.log, inFlight: &s.inFlight, observe: s.metrics.observe},
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      s.cfg.CountTimeout + writeMargin,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	if s.page != nil {
		s.http.RegisterOnShutdown(s.page.Close) // open event streams would delay the drain
	}
}

// Listen opens the listening sockets. It is separate from Serve so that a bind error is returned
// before anything is served.
func (s *Server) Listen(ctx context.Context) error {
	var open net.ListenConfig
	ln, err := open.Listen(ctx, "tcp", s.cfg.ListenAddr)
	if err != nil {
		return fmt.Errorf("listening on %q (LISTEN_ADDR or PORT sets another address): %w", s.cfg.ListenAddr, err)
	}
	if s.cfg.MetricsAddr != "" {
		s.metricsListener, err = open.Listen(ctx, "tcp", s.cfg.MetricsAddr)
		if err != nil {
			ln.Close()
			return fmt.Errorf("listening on %q for /metrics (METRICS_ADDR sets another address, or off): %w", s.cfg.MetricsAddr, err)
		}
	}
	s.listener = ln
	s.log.Info("listening", "addr", ln.Addr().String(), "metrics", s.MetricsAddr(), "redis", s.cfg.RedisAddr())
	s.flushLog()
	return nil
}

// Addr returns the host:port that the server listens on. It is valid after Listen.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// MetricsAddr returns the host:port that serves /metrics, or "" if there is none. It is valid after Listen.
func (s *Server) MetricsAddr() string {
	if s.metricsListener == nil {
		return ""
	}
	return s.metricsListener.Addr().String()
}

// Serve answers requests until ctx is done, then drains for at most SHUTDOWN_TIMEOUT. It returns
// an error if requests had to be cut off. It closes the listeners and the connections to Redis,
// so it can be called only once.
func (s *Server) Serve(ctx context.Context) error {
	defer s.flushLog()
	failed := make(chan error, 2)
	var serving sync.WaitGroup
	serving.Go(func() { failed <- s.http.Serve(s.listener) })
	if s.metricsListener != nil {
		serving.Go(func() { failed <- s.metricsServer.Serve(s.metricsListener) })
	}
	polling, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if s.page != nil {
		serving.Go(func() { s.page.Run(polling) })
	}
	var err error
	select {
	case err = <-failed: // before any Shutdown this is never http.ErrServerClosed
		err = fmt.Errorf("serving on %q: %w", s.Addr(), err)
		_ = s.http.Close()
	case <-ctx.Done():
		err = s.drain(ctx)
	}
	_ = s.metricsServer.Close()
	stop()
	serving.Wait()
	// Last, because draining requests still count visits. Requests that were cut off end here.
	_ = s.backend.Close()
	s.log.Info("stopped")
	return err
}

// drain waits for in-flight requests, and closes the remaining connections.
func (s *Server) drain(ctx context.Context) error {
	s.log.Info("draining", "in_flight", s.inFlight.Load(), "timeout", s.cfg.ShutdownTimeout.String())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	// Shutdown also waits for connections that never sent a request, and it polls only every half
	// second. So not its error but the number of running requests says whether a response was lost.
	cut := s.inFlight.Load()
	_ = s.http.Close()
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("draining %d requests within %s: %w", cut, s.cfg.ShutdownTimeout, err)
}
