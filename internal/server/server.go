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
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	// writeMargin is what a response gets beyond the longest count: the clock of WriteTimeout
	// starts with the request, so it must outlast COUNT_TIMEOUT.
	writeMargin = 5 * time.Second
	// idleTimeout is longer than the 60 s after which nginx closes an idle connection to its
	// upstream. Were it shorter, nginx would now and then send a request on a connection that is
	// just being closed here, and answer 502.
	idleTimeout    = 75 * time.Second
	maxHeaderBytes = 16 << 10
)

// Server is one web tier. Its life is New, Listen, Serve; Run does all three.
type Server struct {
	cfg      Config
	log      *slog.Logger
	http     *http.Server
	backend  backend
	listener net.Listener
	inFlight atomic.Int64
}

// backend is the store behind the routes, which the server closes at its end.
type backend interface {
	counter
	pinger
	io.Closer
}

// Run listens, serves until ctx is done, drains and returns. The log goes to log as JSON lines.
// It returns nil when every request that was in flight has been answered, which together with
// the default SHUTDOWN_TIMEOUT is within a second. Redis need not be there: neither at the
// start nor later.
func Run(ctx context.Context, cfg Config, log io.Writer) error {
	s := New(cfg, log)
	if err := s.Listen(ctx); err != nil {
		return err
	}
	return s.Serve(ctx)
}

// New makes a server. Nothing is opened before Listen, and Redis is dialed by the first request.
func New(cfg Config, log io.Writer) *Server {
	logger := newLogger(cfg, log)
	return newServer(cfg, logger, newRedisStore(cfg, logger))
}

func newLogger(cfg Config, out io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: cfg.LogLevel}))
}

func newServer(cfg Config, log *slog.Logger, b backend) *Server {
	s := &Server{cfg: cfg, log: log, backend: b}
	r := &routes{counter: b, pinger: b, countTimeout: cfg.CountTimeout, log: log}
	s.http = &http.Server{
		Handler:           &front{next: r.mux(), log: log, inFlight: &s.inFlight},
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      cfg.CountTimeout + writeMargin,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return s
}

// Listen opens the listening socket. It stands alone so that a bind error is reported
// to the caller before anything is served.
func (s *Server) Listen(ctx context.Context) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.ListenAddr)
	if err != nil {
		return fmt.Errorf("listening on %q (LISTEN_ADDR or PORT sets another address): %w", s.cfg.ListenAddr, err)
	}
	s.listener = ln
	s.log.Info("listening", "addr", ln.Addr().String(), "redis", s.cfg.RedisAddr())
	return nil
}

// Addr is the bound host:port, the free port filled in where port 0 was asked for.
// It is valid after Listen.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Serve answers requests until ctx is done, then drains for at most SHUTDOWN_TIMEOUT. It returns
// nil after a clean drain and an error when requests had to be cut. It closes the listener and
// the connections to Redis; a Server serves once.
func (s *Server) Serve(ctx context.Context) error {
	served := make(chan error, 1)
	var serving sync.WaitGroup
	serving.Go(func() { served <- s.http.Serve(s.listener) })

	select {
	case err := <-served: // before any Shutdown this is never http.ErrServerClosed
		_ = s.backend.Close()
		return fmt.Errorf("serving on %q: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	err := s.drain(ctx)
	serving.Wait()
	// Last, because draining requests still count. For requests that were cut it is what ends them:
	// it closes the connections on which they wait.
	_ = s.backend.Close()
	s.log.Info("stopped")
	return err
}

// drain lets in-flight requests end and closes what remains.
func (s *Server) drain(ctx context.Context) error {
	s.log.Info("draining", "in_flight", s.inFlight.Load(), "timeout", s.cfg.ShutdownTimeout.String())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	// Shutdown also waits for connections that never sent a request, and it looks only every
	// half second. Not its error but the requests still running say whether anybody lost an answer.
	cut := s.inFlight.Load()
	_ = s.http.Close()
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("draining %d requests within %s: %w", cut, s.cfg.ShutdownTimeout, err)
}
