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
	"stackctl.dev/stackctl/internal/server/journal"
)

// bufferBytes is go-redis's buffer per direction and connection. The default of 32 KiB is far
// more than a batch and its reply need.
const bufferBytes = 4 << 10

// Options configure the counter.
type Options struct {
	Addr     string        // of Redis, host:port
	Timeout  time.Duration // how long a visit waits for its number
	PoolSize int           // the largest number of connections; a count needs one

	User         string // to log in as; "" is default
	PasswordFile string // with the password; "" does not log in
}

// Store is the counter in Redis. No other code of the web tier uses the Redis client.
type Store struct {
	counter *counter
	client  *redis.Client
	link    link
	// life ends with Close, and ends every dial: go-redis dials on its own goroutines, which otherwise
	// end only after the dial timeout.
	life context.Context
	end  context.CancelFunc
}

// Open returns a store and registers its metrics. It does not dial before the first use, so Redis need not run yet.
func Open(o Options, log *slog.Logger, reg prometheus.Registerer) *Store {
	// go-redis has one logger for the whole program, which prints plain text to stderr by default.
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
	var onConnect func(context.Context, *redis.Conn) error
	if o.PasswordFile != "" {
		onConnect = login{o.User, o.PasswordFile}.onConnect
	}
	return &redis.Options{
		Addr:      o.Addr,
		Dialer:    dial,
		OnConnect: onConnect,
		// The counter retries itself: it knows what may have been booked.
		MaxRetries:    -1,
		DialerRetries: 1,
		DialTimeout:   attemptTimeout,
		// The context has the deadline; these are only upper limits.
		ContextTimeoutEnabled: true,
		ReadTimeout:           attemptTimeout,
		WriteTimeout:          attemptTimeout,
		PoolTimeout:           attemptTimeout,
		PoolSize:              o.PoolSize,
		PipelinePoolSize:      -1,
		ReadBufferSize:        bufferBytes,
		WriteBufferSize:       bufferBytes,
		// These save each new connection round trips for features that are not used.
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Next counts one visit and returns its number, which no other visit gets. While Redis is away it waits up to Options.Timeout. After
// an error the visit may have been counted, unless the error is ErrBusy or has a fault that lasts.
func (s *Store) Next(ctx context.Context) (int64, error) { return s.counter.next(ctx) }

// Visits returns how many visits were counted, without counting one, and 0 if there is no counter yet. If the next visit could not be
// counted, the error has the fault.
func (s *Store) Visits(ctx context.Context) (int64, error) {
	pipe := s.client.Pipeline()
	value := pipe.Get(ctx, Key)
	// It changes nothing, because the key does not exist, but Redis refuses it if it would refuse a write.
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
		if n, err = parseCount(text); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("reading %q: %w", Key, fault.Explain(err))
}

// Waiting returns how many visits the history of visits does not have yet, and when it last had all; ok is false if there is none.
func (s *Store) Waiting(ctx context.Context) (behind int64, since time.Time, ok bool, err error) {
	found, err := s.client.HMGet(ctx, journal.Key, journal.Fields...).Result()
	if err != nil {
		return 0, since, false, fmt.Errorf("reading %q: %w", journal.Key, err)
	}
	fields := map[string]string{}
	for i, value := range found {
		fields[journal.Fields[i]], _ = value.(string)
	}
	j := journal.Parse(fields)
	if j == nil {
		return 0, since, false, nil
	}
	return j.Behind(), j.BaseAt, true, nil
}

// parseCount parses the counter, and returns a fault if Redis could not increment it: Redis accepts no leading zeros and no plus.
func parseCount(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || strconv.FormatInt(n, 10) != text:
		return 0, fault.New(fault.NotANumber)
	case n == math.MaxInt64:
		return 0, fault.New(fault.Full)
	}
	return n, nil
}

// Ping returns nil if Redis answers.
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

// note records what a command's error says about Redis. If the client is gone or the store was
// closed, it says nothing.
func (s *Store) note(ctx context.Context, err error) {
	if err != nil && (errors.Is(ctx.Err(), context.Canceled) || s.life.Err() != nil) {
		return
	}
	s.link.note(err)
}

// noteWrite is note for commands that write, or that would be refused if a write were.
func (s *Store) noteWrite(ctx context.Context, err error) {
	s.note(ctx, err)
	if f := fault.Of(err); err == nil || f != nil {
		s.link.noteFault(f)
	}
}

// dial connects to Redis. It never returns an error: if it cannot connect, it returns a connection whose uses fail.
//
// After PoolSize failed dials in a row, go-redis stops dialing and only checks once a second whether the server is back. While a stack
// starts, with probes every few milliseconds, Redis would be up for most of a second before the web tier noticed.
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

// noConnection is the error of a dial: nothing was sent.
type noConnection struct{ err error }

func (e noConnection) Error() string { return "connecting: " + e.err.Error() }
func (e noConnection) Unwrap() error { return e.err }

// deadConn is a connection that could not be opened; each use returns the dial's error.
type deadConn struct{ err error }

// If a deadConn gets into the pool, because the request that wanted it did not wait, SyscallConn
// makes go-redis's health check remove it and dial again.
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
