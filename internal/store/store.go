// Package store is the stack's Redis: how to reach it, read a line as redis-cli does, and print a reply as redis-cli does.
//
// Redis is not published, so nothing here knows an address: a [Dialer] opens the connection, be it a socket or a tunnel through a
// container. Two ways lead to it:
//
//   - [Client], on go-redis, for what stackctl itself wants to know and change: visits, keys, the reset and its undo;
//   - [Conn], for the console, where a person types any command. It keeps what go-redis drops from a reply (a status is not a
//     string, a map not a list), which is what the output of redis-cli is made of.
//
// What Redis returns is untrusted text. Only strings are quoted by [FormatTTY]; statuses, errors and verbatim text come out as they
// are, as in redis-cli, so whoever prints them to a terminal makes them safe first.
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
	dialTimeout        time.Duration
	timeout            time.Duration
}

// The tunnel to Redis takes 63 ms on a local engine, but seconds over ssh; a command takes less than a millisecond.
const (
	defaultDialTimeout = 15 * time.Second
	defaultTimeout     = 5 * time.Second
)

func newConfig(opts []Option) config {
	c := config{dialTimeout: defaultDialTimeout, timeout: defaultTimeout}
	for _, o := range opts {
		o(&c)
	}
	return c
}

// WithCredentials logs in on every new connection. An empty username means the user "default".
func WithCredentials(username, password string) Option {
	return func(c *config) { c.username, c.password = username, password }
}

// WithDB selects a database other than 0.
func WithDB(n int) Option {
	return func(c *config) { c.db = n }
}

// WithTimeouts bounds how long a connection may take to be set up (default 15 s), and how long a Client waits for one reply (5 s).
func WithTimeouts(dial, reply time.Duration) Option {
	return func(c *config) { c.dialTimeout, c.timeout = dial, reply }
}

// Client speaks to the stack's Redis through go-redis. It is safe for concurrent use.
//
// No command is ever sent twice: after a lost connection nobody knows whether an increment was counted, so the caller decides. A
// command ends with its context's deadline or the reply timeout, whichever comes first; a cancel without deadline is noticed
// between commands.
type Client struct {
	rdb *redis.Client
}

// quiet keeps go-redis from writing dial errors to stderr, in the middle of a dashboard: they are returned anyway.
var quiet = sync.OnceFunc(func() { redis.SetLogger(&logging.VoidLogger{}) })

// Open returns a client that dials when the first command is sent. That command costs one round trip more than the next ones, for
// go-redis's HELLO.
func Open(dial Dialer, opts ...Option) *Client {
	quiet()
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
		DialTimeout:           c.dialTimeout,
		ReadTimeout:           c.timeout,
		WriteTimeout:          c.timeout,
		ContextTimeoutEnabled: true,
		MaxRetries:            -1, // -1 is none; 0 would be three
		DialerRetries:         1,
		// A connection is an exec in a container: one for a command that takes long, one for the rest, and no pool of its own for pipelines.
		PoolSize:         2,
		MaxActiveConns:   2,
		PipelinePoolSize: -1,
		// Two round trips less for the first command.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})}
}

// Close closes the connections. Commands under way fail.
func (c *Client) Close() error { return c.rdb.Close() }

// Ping checks that Redis answers commands. While Redis still loads its data, it is an error.
func (c *Client) Ping(ctx context.Context) error { return c.rdb.Ping(ctx).Err() }
