// Package store talks to the stack's Redis: it connects, parses command lines as redis-cli does, and formats replies as redis-cli does.
//
// Redis is not published, so nothing here knows an address: a [Dialer] opens the connection, be it a socket or a tunnel through a
// container. There are two kinds of connection:
//
//   - [Client], on go-redis, for stackctl's own reads and changes: visits, keys, the reset and its undo;
//   - [Conn], for the console, where a person types any command. It keeps the reply types that go-redis drops (a status is not a
//     string, a map not a list) and that redis-cli's output shows.
//
// Everything Redis returns is untrusted text. [FormatTTY] quotes only strings; statuses, errors and verbatim text are unchanged, as in
// redis-cli, so callers must make them safe before they print them to a terminal.
package store

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Dialer opens a connection to Redis. It ends early when ctx does.
type Dialer func(ctx context.Context) (net.Conn, error)

// An Option changes how a connection is set up.
type Option func(*config)

type config struct {
	username, password string
	db                 int
}

// The tunnel to Redis takes 63 ms on a local engine, but seconds over ssh; a command takes less than a millisecond.
const (
	dialTimeout  = 15 * time.Second
	replyTimeout = 5 * time.Second
)

func newConfig(opts []Option) config {
	c := config{}
	for _, o := range opts {
		o(&c)
	}
	return c
}

// WithCredentials logs in on every new connection. An empty username stands for the user "default".
func WithCredentials(username, password string) Option {
	return func(c *config) { c.username, c.password = username, password }
}

// WithDB selects a database other than 0.
func WithDB(n int) Option {
	return func(c *config) { c.db = n }
}

// Client talks to the stack's Redis through go-redis. It is safe for concurrent use.
//
// It never sends a command twice: after a connection is lost it is unknown whether an increment was counted, so the caller decides. A
// command ends at its context's deadline or after 5 s, whichever comes first; a cancellation without a deadline takes effect between
// commands.
type Client struct {
	rdb *redis.Client
}

// silenceLogger keeps go-redis from writing dial errors to stderr, in the middle of a dashboard: they are returned anyway.
var silenceLogger = sync.OnceFunc(func() { redis.SetLogger(&logging.VoidLogger{}) })

// Open returns a client that dials when the first command is sent. That command costs one round trip more than later ones, for
// go-redis's HELLO.
func Open(dial Dialer, opts ...Option) *Client {
	silenceLogger()
	c := newConfig(opts)
	return &Client{rdb: redis.NewClient(&redis.Options{
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			nc, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			return &deadlineConn{Conn: nc}, nil
		},
		Username:              c.username,
		Password:              c.password,
		DB:                    c.db,
		Protocol:              2, // nothing here needs RESP3, and its push messages would have to be read
		DialTimeout:           dialTimeout,
		ReadTimeout:           replyTimeout,
		WriteTimeout:          replyTimeout,
		ContextTimeoutEnabled: true,
		MaxRetries:            -1, // -1 is none; 0 is the default, 3
		DialerRetries:         1,
		// A connection is an exec in a container: one for a slow command, one for the rest, and no separate pool for pipelines.
		PoolSize:         2,
		MaxActiveConns:   2,
		PipelinePoolSize: -1,
		// These save the first command two round trips.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})}
}

// Close closes the connections. Commands in progress fail.
func (c *Client) Close() error { return c.rdb.Close() }

// Ping returns nil if Redis answers commands, and an error while Redis is loading its data.
func (c *Client) Ping(ctx context.Context) error { return c.rdb.Ping(ctx).Err() }
