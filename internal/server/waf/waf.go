// Package waf is the tier that inspects requests before they reach the web tier: nginx -> waf -> an internal listener of nginx -> web.
// It runs the OWASP Core Rule Set in Coraza. The work of nginx stays there: rollout, drain, and that no request is sent twice, which
// holds here too (see upstream). It keeps no state, so that there can be several replicas.
package waf

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
)

const (
	writeTimeout   = 10 * time.Second // for one write: a stream of events has no end
	maxHeaderBytes = 48 << 10         // above nginx's large_client_header_buffers, so that nginx answers first
)

// Server is the WAF's tier. New, Listen and Serve are called in this order; Run calls all three.
type Server struct {
	cfg      Config
	log      *slog.Logger
	upstream *upstream
	inFlight atomic.Int64

	runner tier.Runner
	http   *http.Server
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
	s.runner.Flush = buffer.Flush
	s.log.Info("rules loaded", "rules", rules.count(), "mode", cfg.Mode, "paranoia", cfg.Paranoia, tier.Milliseconds("duration_ms", time.Since(begin)))
	return s, nil
}

func newServer(cfg Config, rules *rules, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, log: log, upstream: newUpstream(cfg)}
	m := newMetrics(cfg.Version, func() float64 { return float64(s.inFlight.Load()) })
	s.http = tier.NewServer(newGate(cfg, rules, s.upstream, m, log, &s.inFlight), log)
	s.http.DisableGeneralOptionsHandler = true
	s.http.WriteTimeout = 0 // the recorder sets one for each write
	s.http.MaxHeaderBytes = maxHeaderBytes
	s.runner = tier.Runner{Log: log, Timeout: cfg.ShutdownTimeout, InFlight: s.inFlight.Load, Ports: []*tier.Port{
		{Addr: cfg.ListenAddr, Hint: "LISTEN_ADDR sets another address", Server: s.http},
		// A port of its own: every path of the other one is the upstream's.
		{
			Addr: cfg.MetricsAddr, For: "/metrics and /healthz", Hint: "METRICS_ADDR sets another address",
			Server: tier.NewServer(tier.Management(m.registry, tier.Healthy), log),
		},
	}}
	return s
}

// Listen opens the listening sockets. It is separate from Serve so that a bind error is returned before anything is served.
func (s *Server) Listen(ctx context.Context) error {
	return s.runner.Listen(ctx, func() []any { return []any{"metrics", s.MetricsAddr(), "upstream", s.cfg.Upstream} })
}

// Addr returns the host:port that the server listens on. It is valid after Listen.
func (s *Server) Addr() string { return s.runner.Ports[0].At() }

// MetricsAddr returns the host:port that serves /metrics and /healthz. It is valid after Listen.
func (s *Server) MetricsAddr() string { return s.runner.Ports[1].At() }

// Serve answers requests until ctx is done, then drains for at most SHUTDOWN_TIMEOUT. It returns an error if requests had to be cut
// off. It closes the listeners, so it can be called only once.
func (s *Server) Serve(ctx context.Context) error {
	return s.runner.Serve(ctx)
}
