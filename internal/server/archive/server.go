package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"stackctl.dev/stackctl/internal/server/tier"
)

// stopTimeout bounds the answers in flight when the tier ends.
const stopTimeout = 900 * time.Millisecond

// Server is the archive tier. New, Listen and Serve are called in this order; Run calls all three.
type Server struct {
	cfg      Config
	archiver *archiver
	pool     *pgxpool.Pool
	runner   tier.Runner
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
	s, logger := &Server{cfg: cfg}, tier.NewLogger(log, cfg.LogLevel)
	pool, err := poolConfig(cfg)
	if err != nil {
		return nil, err
	}
	if s.pool, err = pgxpool.NewWithConfig(context.Background(), pool); err != nil {
		return nil, fmt.Errorf("opening PostgreSQL: %w", err)
	}
	s.archiver = &archiver{
		log: logger, source: openSource(cfg), interval: cfg.Interval,
		connect: func(ctx context.Context) (*pgx.Conn, error) {
			c := pool.ConnConfig.Copy()
			if err := setPassword(cfg)(ctx, c); err != nil {
				return nil, err
			}
			return pgx.ConnectConfig(ctx, c)
		},
	}
	mux := http.NewServeMux()
	r := &reader{pool: s.pool, behind: s.archiver.behind, log: logger, slots: make(chan struct{}, maxReads)}
	r.register(mux)
	registry := tier.NewRegistry(cfg.Version)
	s.archiver.measure(registry)
	mux.Handle("/", tier.Management(registry, tier.Healthy)) // a restart would not bring Redis or PostgreSQL back
	s.runner = tier.Runner{
		Log: logger, Timeout: stopTimeout, Work: []func(context.Context) error{s.archiver.work},
		Ports: []*tier.Port{{Addr: cfg.ListenAddr, Hint: "LISTEN_ADDR sets another address", Server: tier.NewServer(mux, logger)}},
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
	return s.runner.Listen(ctx, func() []any { return []any{"redis", s.cfg.RedisAddr, "postgres", s.cfg.PostgresHost} })
}

// Addr returns the host:port that the server listens on. It is valid after Listen.
func (s *Server) Addr() string { return s.runner.Ports[0].At() }

// Serve hands over and answers until ctx is done. It can be called only once.
func (s *Server) Serve(ctx context.Context) error {
	err := s.runner.Serve(ctx)
	s.pool.Close()
	return errors.Join(err, s.archiver.source.client.Close())
}

// measure registers the tier's metrics; docs/history.md lists them.
func (a *archiver) measure(registry prometheus.Registerer) {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	registry.MustRegister(
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
