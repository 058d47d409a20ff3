package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"stackctl.dev/stackctl/internal/server/tier"
)

const (
	readHeaderTimeout = 5 * time.Second
	writeTimeout      = 20 * time.Second
	idleTimeout       = 75 * time.Second
	maxHeaderBytes    = 16 << 10
	// stopTimeout bounds the answers in flight when the tier ends.
	stopTimeout = 900 * time.Millisecond
)

// Server is the archive tier. New, Listen and Serve are called in this order; Run calls all three.
type Server struct {
	cfg      Config
	log      *slog.Logger
	archiver *archiver
	pool     *pgxpool.Pool
	http     *http.Server
	listener net.Listener
}

// Run hands the history over until ctx is done. It writes the log to log as JSON lines. Neither Redis nor PostgreSQL needs to be there.
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

// New returns a server. It does not connect.
func New(cfg Config, log io.Writer) (*Server, error) {
	s := &Server{cfg: cfg, log: tier.NewLogger(log, cfg.LogLevel)}
	pool, err := poolConfig(cfg)
	if err != nil {
		return nil, err
	}
	if s.pool, err = pgxpool.NewWithConfig(context.Background(), pool); err != nil {
		return nil, fmt.Errorf("opening PostgreSQL: %w", err)
	}
	s.archiver = &archiver{
		log: s.log, source: openSource(cfg), interval: cfg.Interval,
		connect: func(ctx context.Context) (*pgx.Conn, error) {
			c := pool.ConnConfig.Copy()
			if err := setPassword(cfg)(ctx, c); err != nil {
				return nil, err
			}
			return pgx.ConnectConfig(ctx, c)
		},
	}
	mux := http.NewServeMux()
	r := &reader{pool: s.pool, behind: s.archiver.behind, log: s.log, slots: make(chan struct{}, maxReads)}
	r.register(mux)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.archiver.measure(registry, cfg.Version)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: readHeaderTimeout}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		// A restart would not bring Redis or PostgreSQL back.
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte("ok")) // an error means that the client is gone
	})
	s.http = &http.Server{
		Handler: mux, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readHeaderTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// poolConfig is how PostgreSQL is reached, and the pool for reading.
func poolConfig(cfg Config) (*pgxpool.Config, error) {
	// Nothing is taken from the environment or the files of libpq.
	text := "host='" + cfg.PostgresHost + "' port=" + strconv.Itoa(cfg.PostgresPort) + " user='" + cfg.PostgresUser + "' dbname='" + cfg.PostgresDatabase +
		"' sslmode=disable connect_timeout=5 application_name=archive passfile=/dev/null"
	pool, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("reading how to reach PostgreSQL: %w", err)
	}
	pool.ConnConfig.RuntimeParams["timezone"] = "GMT"
	pool.MaxConns, pool.MinConns, pool.MaxConnIdleTime = maxReads, 0, time.Minute
	pool.BeforeConnect = setPassword(cfg)
	return pool, nil
}

// setPassword reads the password's file for each connection.
func setPassword(cfg Config) func(context.Context, *pgx.ConnConfig) error {
	return func(_ context.Context, c *pgx.ConnConfig) (err error) {
		c.Password, err = readPassword(cfg.PostgresPasswordFile)
		return err
	}
}

// Listen opens the listening socket.
func (s *Server) Listen(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.ListenAddr)
	if err != nil {
		return fmt.Errorf("listening on %q (LISTEN_ADDR sets another address): %w", s.cfg.ListenAddr, err)
	}
	s.listener = listener
	s.log.Info("listening", "addr", s.Addr(), "redis", s.cfg.RedisAddr, "postgres", s.cfg.PostgresHost)
	return nil
}

// Addr returns the host:port that the server listens on. It is valid after Listen.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Serve hands over and answers until ctx is done. It can be called only once.
func (s *Server) Serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { failed <- s.http.Serve(s.listener) })
	running.Go(func() { s.archiver.work(ctx) })
	var err error
	select {
	case err = <-failed: // http.ErrServerClosed comes only after Shutdown
		err = fmt.Errorf("serving on %q: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	stop()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if s.http.Shutdown(ending) != nil {
		_ = s.http.Close()
	}
	running.Wait()
	s.pool.Close()
	err = errors.Join(err, s.archiver.source.client.Close())
	s.log.Info("stopped")
	return err
}

// measure registers the tier's metrics; docs/history.md lists them.
func (a *archiver) measure(registry prometheus.Registerer, version string) {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "stackctl_build_info", Help: "Always 1; the label has the version of stackctl.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	registry.MustRegister(build,
		gauge("stackctl_history_behind_visits", "Visits that are in Redis and not yet in PostgreSQL.", func() float64 { return float64(a.behind().Behind) }),
		gauge("stackctl_history_behind_seconds", "For how long PostgreSQL has not had all visits; 0 if it has.", func() float64 {
			if s := a.behind(); s.Behind > 0 && !s.Since.IsZero() {
				return time.Since(s.Since).Seconds()
			}
			return 0
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "stackctl_history_transactions_total", Help: "Transactions that handed visits over to PostgreSQL.",
		}, func() float64 { return float64(a.handed.Load()) }),
	)
}
