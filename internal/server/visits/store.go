package visits

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"stackctl.dev/stackctl/internal/fault"
)

// bufferBytes is go-redis's buffer per direction and connection, whose default of 32 KiB
// is far more than a batch and its reply.
const bufferBytes = 4 << 10

// Options say which Redis counts, and how.
type Options struct {
	Addr     string        // host:port
	Timeout  time.Duration // the longest a visit waits for its number
	PoolSize int           // the most connections at a time; a count needs one
}

// Store is the counter in Redis. It is the only code of the web tier that knows the Redis client.
type Store struct {
	counter *counter
	client  *redis.Client
	link    link
	// life ends with Close, and with it every dial: go-redis dials on goroutines of its own, for
	// as long as the dial timeout allows.
	life context.Context
	end  context.CancelFunc
}

// Open makes a store and registers its metrics. Nothing is dialed before the first use, and Redis need not be there.
func Open(o Options, log *slog.Logger, reg prometheus.Registerer) *Store {
	// go-redis has one logger for the whole program and prints plain text to stderr by default.
	redis.SetLogger(redisLogger{log})
	s := &Store{link: link{log: log.With("redis", o.Addr)}}
	s.life, s.end = context.WithCancel(context.Background())
	s.client = redis.NewClient(redisOptions(o, s.dial))
	m := newMetrics()
	s.counter = newCounter(s, o.Timeout, m)
	m.register(reg, s)
	return s
}

func redisOptions(o Options, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *redis.Options {
	return &redis.Options{
		Addr:   o.Addr,
		Dialer: dial,
		// The counter tries again by itself: it knows what may have been booked.
		MaxRetries:    -1,
		DialerRetries: 1,
		DialTimeout:   attemptTimeout,
		// The context carries the deadline; these are only the outer limits.
		ContextTimeoutEnabled: true,
		ReadTimeout:           attemptTimeout,
		WriteTimeout:          attemptTimeout,
		PoolTimeout:           attemptTimeout,
		PoolSize:              o.PoolSize,
		PipelinePoolSize:      -1,
		ReadBufferSize:        bufferBytes,
		WriteBufferSize:       bufferBytes,
		// What would add round trips to each new connection, for nothing that is needed here.
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Next counts one visit and returns its number, which no other visit gets. While Redis is away it waits, for as long as
// Options.Timeout. After an error other than ErrBusy and
// one with a fault that lasts the visit may have been counted.
func (s *Store) Next(ctx context.Context) (int64, error) { return s.counter.next(ctx) }

// Visits returns how many visits were counted, without counting one: 0 where there is no counter yet. Where the next visit could
// not be counted the error has the fault.
func (s *Store) Visits(ctx context.Context) (int64, error) {
	pipe := s.client.Pipeline()
	value := pipe.Get(ctx, Key)
	// It sets nothing, as there is no such key, but is refused where a write would be.
	probe := pipe.SetXX(ctx, probeKey, 0, time.Millisecond)
	_, _ = pipe.Exec(ctx) // each command has its own error
	text, err := value.Result()
	if errors.Is(err, redis.Nil) {
		text, err = "0", nil
	}
	s.note(ctx, err)
	if err == nil && fault.Of(probe.Err()) != nil {
		err = probe.Err()
	}
	s.noteWrite(ctx, err)
	if err == nil {
		var n int64
		if n, err = number(text); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("reading %q: %w", Key, fault.Explain(err))
}

// number reads a counter that can be incremented, as Redis holds it: without zeros or a plus before it.
func number(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || strconv.FormatInt(n, 10) != text:
		return 0, fault.New(fault.NotANumber)
	case n == math.MaxInt64:
		return 0, fault.New(fault.Full)
	}
	return n, nil
}

// Ping returns nil when Redis answers.
func (s *Store) Ping(ctx context.Context) error {
	err := s.client.Ping(ctx).Err()
	s.note(ctx, err)
	if err != nil {
		return fmt.Errorf("pinging redis: %w", err)
	}
	return nil
}

// Close ends all connections and dials; visits that still wait get ErrClosed.
func (s *Store) Close() error {
	s.end()
	s.counter.close()
	return s.client.Close()
}

// note passes on what a command says about Redis. A client that went away
// and a shutdown of our own say nothing.
func (s *Store) note(ctx context.Context, err error) {
	if err != nil && (errors.Is(ctx.Err(), context.Canceled) || s.life.Err() != nil) {
		return
	}
	s.link.note(err)
}

// noteWrite is note for what counts, or shows that it could.
func (s *Store) noteWrite(ctx context.Context, err error) {
	s.note(ctx, err)
	if f := fault.Of(err); err == nil || f != nil {
		s.link.noteFault(f)
	}
}

// dial connects to Redis. It never fails: where Redis is away it returns a connection that does.
//
// go-redis counts failed dials, and at PoolSize of them in a row it stops dialing and only looks
// once a second whether the server is back. A stack starting up meets that at once: probes come every
// few milliseconds, and Redis would be up for most of a second before anybody is told.
func (s *Store) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return deadConn{noConnection{err}}, nil
	}
	return conn, nil
}

// noConnection is why there is no connection. Nothing was sent on it.
type noConnection struct{ err error }

func (e noConnection) Error() string { return "connecting: " + e.err.Error() }
func (e noConnection) Unwrap() error { return e.err }

// deadConn is a connection that was never made. Each use says why.
type deadConn struct{ err error }

// With SyscallConn, go-redis's health check finds it dead when it lies in the pool because
// the request that wanted it did not wait: it is thrown away there and Redis dialed again.
var (
	_ net.Conn     = deadConn{}
	_ syscall.Conn = deadConn{}
)

func (c deadConn) Read([]byte) (int, error)              { return 0, c.err }
func (c deadConn) Write([]byte) (int, error)             { return 0, c.err }
func (c deadConn) SyscallConn() (syscall.RawConn, error) { return nil, c.err }
func (deadConn) Close() error                            { return nil }
func (deadConn) LocalAddr() net.Addr                     { return &net.TCPAddr{} }
func (deadConn) RemoteAddr() net.Addr                    { return &net.TCPAddr{} }
func (deadConn) SetDeadline(time.Time) error             { return nil }
func (deadConn) SetReadDeadline(time.Time) error         { return nil }
func (deadConn) SetWriteDeadline(time.Time) error        { return nil }
