// Package edge is the tier that makes metrics of what nginx answers: nginx sends it a line for each request by UDP, in the form of a
// syslog message. It is in no request's way: nginx does not wait for it, and goes on without it.
package edge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"stackctl.dev/stackctl/internal/accesslog"
	"stackctl.dev/stackctl/internal/server/tier"
)

const (
	// maxLine bounds a line; nginx's have some 300 bytes.
	maxLine = 2048
	// gather is how long lines may wait in the socket's queue: being woken for each one costs ten times as much as to count it. With Linux's
	// default size, the queue holds those of 40 ms at 7,000 requests a second.
	gather = 10 * time.Millisecond
	// queueBytes is the size of the queue that is asked for; the kernel gives at most net.core.rmem_max.
	queueBytes = 4 << 20
)

// stopTimeout bounds the answers in flight when the tier ends.
const stopTimeout = 900 * time.Millisecond

// Server is the tier. New, Listen and Serve are called in this order; Run calls all three.
type Server struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	lines   *net.UDPConn
	runner  tier.Runner
}

// Run counts until ctx is done. It writes the log to log as JSON lines.
func Run(ctx context.Context, cfg Config, log io.Writer) error {
	s := New(cfg, log)
	if err := s.Listen(ctx); err != nil {
		return err
	}
	return s.Serve(ctx)
}

// New returns a server that listens after Listen.
func New(cfg Config, log io.Writer) *Server {
	return &Server{cfg: cfg, log: tier.NewLogger(log, cfg.LogLevel)}
}

// Listen opens the sockets. It is separate from Serve so that a bind error is returned before anything is served.
func (s *Server) Listen(ctx context.Context) error {
	var open net.ListenConfig
	packets, err := open.ListenPacket(ctx, "udp4", s.cfg.ListenAddr)
	if err != nil {
		return fmt.Errorf("listening on %q (LISTEN_ADDR sets another address): %w", s.cfg.ListenAddr, err)
	}
	s.lines = packets.(*net.UDPConn)
	_ = s.lines.SetReadBuffer(queueBytes) // else it keeps its size
	s.metrics = newMetrics(s.cfg.Version, s.lines.LocalAddr().(*net.UDPAddr).Port)
	s.runner = tier.Runner{Log: s.log, Timeout: stopTimeout, Work: []func(context.Context) error{s.receive}, Ports: []*tier.Port{{
		Addr: s.cfg.MetricsAddr, For: "/metrics and /healthz", Hint: "METRICS_ADDR sets another address",
		Server: tier.NewServer(tier.Management(s.metrics.registry, tier.Healthy), s.log),
	}}}
	if err := s.runner.Listen(ctx, func() []any { return []any{"lines", s.Addr()} }); err != nil {
		_ = packets.Close()
		return err
	}
	return nil
}

// Addr returns the host:port that lines come to. It is valid after Listen.
func (s *Server) Addr() string { return s.lines.LocalAddr().String() }

// MetricsAddr returns the host:port that serves /metrics and /healthz. It is valid after Listen.
func (s *Server) MetricsAddr() string { return s.runner.Ports[0].At() }

// Serve counts lines until ctx is done. It closes the sockets, so it can be called only once.
func (s *Server) Serve(ctx context.Context) error { return s.runner.Serve(ctx) }

// count counts the line of a message such as `<190>Nov 28 12:00:00 edge: {...}`.
func (s *Server) count(message []byte) {
	s.metrics.received.Inc()
	begin := bytes.IndexByte(message, '{')
	if begin < 0 {
		s.metrics.invalid.Inc()
		return
	}
	line, ok := accesslog.Parse(message[begin:])
	if !ok || line.Tier() != accesslog.Front || !line.Timed {
		s.metrics.invalid.Inc()
		return
	}
	s.metrics.observe(&line)
}
