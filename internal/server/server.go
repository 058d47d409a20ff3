// Package server is the web tier of the three-tier stack: it stands between nginx and Redis,
// and counts visits.
package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"stackctl.dev/stackctl/internal/server/live"
	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/server/visits"
)

// writeMargin is added to COUNT_TIMEOUT for WriteTimeout, which includes the time of the count.
const writeMargin = 5 * time.Second

// Server is the web tier. New, Listen and Serve are called in this order; Run calls all three.
type Server struct {
	cfg      Config
	log      *slog.Logger
	backend  backend
	page     *live.Page // nil for none
	past     *live.Past // nil for none
	inFlight atomic.Int64
	metrics  *metrics

	runner  tier.Runner
	http    *http.Server
	routes  *tier.Port
	scraped *tier.Port // nil where METRICS_ADDR is off
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
	s.runner.Flush = buffer.Flush
	store := visits.Open(visits.Options{
		Addr: cfg.RedisAddr(), Timeout: cfg.CountTimeout, PoolSize: cfg.RedisPoolSize,
		User: cfg.RedisUsername, PasswordFile: cfg.RedisPasswordFile,
	}, s.log, s.metrics.registry)
	if cfg.Page != "" {
		var err error
		if s.page, err = live.New(store, cfg.Page, s.log); err != nil {
			return nil, err
		}
		s.past = live.NewPast(cfg.HistoryAddr, store.Waiting, s.log)
	}
	s.use(store)
	return s, nil
}

func newServer(cfg Config, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, log: log}
	s.metrics = newMetrics(cfg.Version, func() float64 { return float64(s.inFlight.Load()) })
	s.runner = tier.Runner{Log: log, Timeout: cfg.ShutdownTimeout, InFlight: s.inFlight.Load}
	return s
}

// use sets the server's store and its routes.
func (s *Server) use(b backend) {
	s.backend = b
	r := &routes{counter: b, pinger: b, page: s.page, past: s.past, log: s.log}
	s.http = tier.NewServer(&front{next: r.mux(), log: s.log, inFlight: &s.inFlight, observe: s.metrics.observe}, s.log)
	s.http.WriteTimeout = s.cfg.CountTimeout + writeMargin
	s.routes = &tier.Port{Addr: s.cfg.ListenAddr, Hint: "LISTEN_ADDR or PORT sets another address", Server: s.http}
	s.runner.Ports = []*tier.Port{s.routes}
	if s.cfg.MetricsAddr != "" {
		s.scraped = &tier.Port{
			Addr: s.cfg.MetricsAddr, For: "/metrics", Hint: "METRICS_ADDR sets another address, or off",
			Server: tier.NewServer(tier.Management(s.metrics.registry, nil), s.log),
		}
		s.runner.Ports = append(s.runner.Ports, s.scraped)
	}
	if s.page != nil {
		s.http.RegisterOnShutdown(s.page.Close) // open event streams would delay the drain
		s.runner.Work = append(s.runner.Work, func(ctx context.Context) error { s.page.Run(ctx); return nil })
	}
}

// Listen opens the listening sockets. It is separate from Serve so that a bind error is returned
// before anything is served.
func (s *Server) Listen(ctx context.Context) error {
	return s.runner.Listen(ctx, func() []any { return []any{"metrics", s.MetricsAddr(), "redis", s.cfg.RedisAddr()} })
}

// Addr returns the host:port that the server listens on. It is valid after Listen.
func (s *Server) Addr() string { return s.routes.At() }

// MetricsAddr returns the host:port that serves /metrics, or "" if there is none. It is valid after Listen.
func (s *Server) MetricsAddr() string { return s.scraped.At() }

// Serve answers requests until ctx is done, then drains for at most SHUTDOWN_TIMEOUT. It returns
// an error if requests had to be cut off. It closes the listeners and the connections to Redis,
// so it can be called only once.
func (s *Server) Serve(ctx context.Context) error {
	// The store is closed last, because draining requests still count visits. Requests that were cut off end with it.
	defer func() { _ = s.backend.Close() }()
	if s.past != nil {
		defer s.past.Close()
	}
	return s.runner.Serve(ctx)
}
