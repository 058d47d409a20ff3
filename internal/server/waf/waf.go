// Package waf is the tier that inspects requests before they reach the web tier: nginx -> waf -> an internal listener of nginx -> web.
// It runs the OWASP Core Rule Set in Coraza. The work of nginx stays there: rollout, drain, and that no request is sent twice, which
// holds here too (see upstream). It keeps no state, so that there can be several replicas.
package waf

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

	"stackctl.dev/stackctl/internal/server/tier"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 10 * time.Second // for one write: a stream of events has no end
	// idleTimeout is longer than the 60 s after which nginx closes an idle connection to its upstream, as in the web tier.
	idleTimeout    = 75 * time.Second
	maxHeaderBytes = 48 << 10 // above nginx's large_client_header_buffers, so that nginx answers first
)

// Server is the WAF's tier. New, Listen and Serve are called in this order; Run calls all three.
type Server struct {
	cfg      Config
	log      *slog.Logger
	flushLog func()
	upstream *upstream
	inFlight atomic.Int64

	http       *http.Server
	listener   net.Listener
	manage     *http.Server // /metrics and /healthz
	manageable net.Listener
}

// Run loads the rules, listens, serves until ctx is done, drains and returns. It writes the log to log as JSON lines. It returns nil
// if every request in flight was answered.
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

// New loads the rules, which takes some tenths of a second, and returns a server that listens after Listen: so whoever reaches it
// reaches one that is ready. Nothing of the rules is read before.
func New(cfg Config, log io.Writer) (*Server, error) {
	begin := time.Now()
	rules, err := loadRules(cfg, nil)
	if err != nil {
		return nil, err
	}
	buffer := tier.NewLogBuffer(log)
	s := newServer(cfg, rules, tier.NewLogger(buffer, cfg.LogLevel))
	s.flushLog = buffer.Flush
	s.log.Info("rules loaded", "rules", rules.count(), "mode", cfg.Mode, "paranoia", cfg.Paranoia, tier.Milliseconds("duration_ms", time.Since(begin)))
	return s, nil
}

func newServer(cfg Config, rules *rules, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, log: log, flushLog: func() {}, upstream: newUpstream(cfg)}
	m := newMetrics(cfg.Version, func() float64 { return float64(s.inFlight.Load()) })
	errors := slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	s.http = &http.Server{
		Handler:                      newGate(cfg, rules, s.upstream, m, log, &s.inFlight),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  readTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     errors,
	}
	s.manage = newManagement(m)
	return s
}

// Listen opens the listening sockets. It is separate from Serve so that a bind error is returned before anything is served.
func (s *Server) Listen(ctx context.Context) error {
	var open net.ListenConfig
	ln, err := open.Listen(ctx, "tcp", s.cfg.ListenAddr)
	if err != nil {
		return fmt.Errorf("listening on %q (LISTEN_ADDR sets another address): %w", s.cfg.ListenAddr, err)
	}
	s.manageable, err = open.Listen(ctx, "tcp", s.cfg.MetricsAddr)
	if err != nil {
		ln.Close()
		return fmt.Errorf("listening on %q for /metrics and /healthz (METRICS_ADDR sets another address): %w", s.cfg.MetricsAddr, err)
	}
	s.listener = ln
	s.log.Info("listening", "addr", ln.Addr().String(), "metrics", s.MetricsAddr(), "upstream", s.cfg.Upstream)
	s.flushLog()
	return nil
}

// Addr returns the host:port that the server listens on. It is valid after Listen.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// MetricsAddr returns the host:port that serves /metrics and /healthz. It is valid after Listen.
func (s *Server) MetricsAddr() string { return s.manageable.Addr().String() }

// Serve answers requests until ctx is done, then drains for at most SHUTDOWN_TIMEOUT. It returns an error if requests had to be cut
// off. It closes the listeners, so it can be called only once.
func (s *Server) Serve(ctx context.Context) error {
	defer s.flushLog()
	failed := make(chan error, 2)
	var serving sync.WaitGroup
	serving.Go(func() { failed <- s.http.Serve(s.listener) })
	serving.Go(func() { failed <- s.manage.Serve(s.manageable) })
	var err error
	select {
	case err = <-failed: // before any Shutdown this is never http.ErrServerClosed
		err = fmt.Errorf("serving on %q: %w", s.Addr(), err)
		_ = s.http.Close()
	case <-ctx.Done():
		err = s.drain(ctx)
	}
	_ = s.manage.Close()
	serving.Wait()
	s.upstream.close()
	s.log.Info("stopped")
	return err
}

// drain waits for requests in flight, and closes the remaining connections.
func (s *Server) drain(ctx context.Context) error {
	s.log.Info("draining", "in_flight", s.inFlight.Load(), "timeout", s.cfg.ShutdownTimeout.String())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	// As in the web tier, the number of running requests says whether an answer was lost, not Shutdown's error.
	cut := s.inFlight.Load()
	_ = s.http.Close()
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("draining %d requests within %s: %w", cut, s.cfg.ShutdownTimeout, err)
}
