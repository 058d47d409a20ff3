package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// visitsKey holds the number of visits as a decimal string, the value of INCR.
	visitsKey = "visits"
	// maxDialTimeout bounds one connection attempt: Redis is one hop away.
	maxDialTimeout = time.Second
	// bufferBytes is go-redis's buffer per direction and connection, whose default of 32 KiB
	// is far more than an INCR and its reply.
	bufferBytes = 4 << 10
)

// errNotANumber says that the visits key holds something that cannot be incremented.
// Redis is well, so trying again does not help.
var errNotANumber = errors.New("the value is not a number that can be incremented")

// redisStore counts visits in Redis. It is the only code that knows the Redis client.
type redisStore struct {
	client *redis.Client
	link   link
	// life ends with Close, and with it every dial: go-redis dials on goroutines of its own, for
	// as long as the dial timeout allows.
	life context.Context
	end  context.CancelFunc
}

var _ backend = (*redisStore)(nil)

func newRedisStore(cfg Config, log *slog.Logger) *redisStore {
	// go-redis has one logger for the whole program and prints plain text to stderr by default.
	redis.SetLogger(redisLogger{log})
	s := &redisStore{link: link{log: log.With("redis", cfg.RedisAddr())}}
	s.life, s.end = context.WithCancel(context.Background())
	s.client = redis.NewClient(redisOptions(cfg, s.dial))
	return s
}

func redisOptions(cfg Config, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *redis.Options {
	return &redis.Options{
		Addr:   cfg.RedisAddr(),
		Dialer: dial,
		// A retry after a lost connection could count a visit twice: INCR may have been
		// executed and only its reply lost.
		MaxRetries:    -1,
		DialerRetries: 1,
		DialTimeout:   min(cfg.CountTimeout, maxDialTimeout),
		// The context carries the deadline; these are only the outer limits.
		ContextTimeoutEnabled: true,
		ReadTimeout:           cfg.CountTimeout,
		WriteTimeout:          cfg.CountTimeout,
		PoolTimeout:           cfg.CountTimeout,
		PoolSize:              cfg.RedisPoolSize,
		PipelinePoolSize:      -1,
		ReadBufferSize:        bufferBytes,
		WriteBufferSize:       bufferBytes,
		// What would add round trips to each new connection, for nothing that is needed here.
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// Next increments the visits key and returns its new value.
func (s *redisStore) Next(ctx context.Context) (int64, error) {
	n, err := s.client.Incr(ctx, visitsKey).Result()
	if notANumber(err) {
		s.note(ctx, nil) // Redis answered
		return 0, fmt.Errorf("incrementing %q: %w: %w", visitsKey, errNotANumber, err)
	}
	s.note(ctx, err)
	if err != nil {
		return 0, fmt.Errorf("incrementing %q: %w", visitsKey, err)
	}
	return n, nil
}

// Ping returns nil when Redis answers.
func (s *redisStore) Ping(ctx context.Context) error {
	err := s.client.Ping(ctx).Err()
	s.note(ctx, err)
	if err != nil {
		return fmt.Errorf("pinging redis: %w", err)
	}
	return nil
}

// Close ends all connections and dials; commands still waiting fail at once.
func (s *redisStore) Close() error {
	s.end()
	return s.client.Close()
}

// note passes on what a command says about Redis. A client that went away
// and a shutdown of our own say nothing.
func (s *redisStore) note(ctx context.Context, err error) {
	if err != nil && (errors.Is(ctx.Err(), context.Canceled) || s.life.Err() != nil) {
		return
	}
	s.link.note(err)
}

// dial connects to Redis. It never fails: where Redis is away it returns a connection that does.
//
// go-redis counts failed dials, and at PoolSize of them in a row it stops dialing and only looks
// once a second whether the server is back. A stack starting up meets that at once: probes come every
// few milliseconds, and Redis would be up for most of a second before anybody is told.
func (s *redisStore) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		// go-redis unwraps a handshake's error once.
		return deadConn{fmt.Errorf("connecting: %w", err)}, nil
	}
	return conn, nil
}

// deadConn is a connection that was never made. Each use says why.
type deadConn struct{ err error }

// With SyscallConn, go-redis's health check finds it dead when it lies in the pool because
// the request that wanted it did not wait: it is thrown away there and Redis dialed anew.
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

// link is whether Redis answers, and logs when that changes: once, not for every request.
type link struct {
	log   *slog.Logger
	state atomic.Int32 // 0 until the first answer or error
}

const (
	linkUp int32 = iota + 1
	linkAway
)

func (l *link) note(err error) {
	state := linkUp
	if err != nil {
		state = linkAway
	}
	// The plain load keeps the usual case, no change, from writing to memory all requests share.
	if l.state.Load() == state {
		return
	}
	switch before := l.state.Swap(state); {
	case before == state: // another request was first
	case state == linkAway:
		l.log.Warn("redis is away", "error", err.Error())
	case before == linkAway:
		l.log.Info("redis is back")
	default:
		l.log.Info("redis answers")
	}
}

// notANumber says whether Redis answered that the key cannot be incremented: it holds a list or
// the like, text, or the largest number there is.
func notANumber(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	text := reply.Error()
	return strings.HasPrefix(text, "WRONGTYPE") ||
		strings.Contains(text, "not an integer") || strings.Contains(text, "would overflow")
}

// reason says in a few words why Redis is not ready. It goes into a response, so it
// names neither addresses nor keys; those are in the log.
func reason(err error) string {
	var reply redis.Error
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &reply):
		code, _, _ := strings.Cut(reply.Error(), " ")
		return "answered " + code
	case errors.As(err, &dns):
		return "name not found"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection lost"
	}
	return "not reachable"
}

// redisLogger takes go-redis's own lines into the log. What matters in them is also in the
// errors of the commands, so they are for debugging only.
type redisLogger struct{ log *slog.Logger }

func (l redisLogger) Printf(ctx context.Context, format string, v ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, "redis client", "text", fmt.Sprintf(format, v...))
	}
}
