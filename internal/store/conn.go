package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Conn is one connection for a console: it sends any command and keeps what the reply is. MULTI, SELECT, WATCH and HELLO 3 work, since
// it is always the same connection. It is not safe for concurrent use.
type Conn struct {
	nc        net.Conn
	r         replyReader
	streaming string // the command after which replies come unasked
	err       error  // why the connection cannot be used any more

	// OnPush, if not nil, gets what Redis sends unasked between the replies of RESP3, such as invalidated keys.
	OnPush func(Reply)
}

// ErrStreaming says: after SUBSCRIBE or MONITOR a connection only receives.
var ErrStreaming = errors.New("the connection only receives now")

// Connect dials and, where the options say so, logs in and selects a database. The dial timeout bounds all of it.
func Connect(ctx context.Context, dial Dialer, opts ...Option) (*Conn, error) {
	cfg := newConfig(opts)
	ctx, cancel := context.WithTimeout(ctx, cfg.dialTimeout)
	defer cancel()
	nc, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to redis: %w", err)
	}
	c := &Conn{nc: nc, r: replyReader{br: bufio.NewReaderSize(nc, maxLineBytes)}}
	for _, args := range cfg.handshake() {
		r, err := c.Do(ctx, args...)
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			_ = nc.Close()
			return nil, fmt.Errorf("connecting to redis: %s: %w", args[0], err)
		}
	}
	return c, nil
}

func (c config) handshake() [][]string {
	var cmds [][]string
	switch {
	case c.username != "":
		cmds = append(cmds, []string{"AUTH", c.username, c.password})
	case c.password != "":
		cmds = append(cmds, []string{"AUTH", c.password})
	}
	if c.db != 0 {
		cmds = append(cmds, []string{"SELECT", strconv.Itoa(c.db)})
	}
	return cmds
}

// Do sends a command and waits for its reply. An error reply of Redis is a Reply, not an error: an error means that there is no
// reply, and but for commands that are refused before they are sent, that the connection is of no more use (see [Conn.Err]).
//
// Some commands block for as long as they are told to (BLPOP, WAIT), so ctx alone bounds the wait: when it ends, the connection is
// closed and its error returned.
func (c *Conn) Do(ctx context.Context, args ...string) (Reply, error) {
	if len(args) == 0 {
		return Reply{}, errors.New("sending command: it is empty")
	}
	name := strings.ToLower(args[0])
	if reason := refused(name, args); reason != "" {
		return Reply{}, fmt.Errorf("sending %q: %s", args[0], reason)
	}
	if c.streaming != "" {
		return Reply{}, fmt.Errorf("sending %q after %q: %w", args[0], c.streaming, ErrStreaming)
	}
	reply, err := c.guard(ctx, func() (Reply, error) {
		if _, err := c.nc.Write(appendCommand(nil, args)); err != nil {
			return Reply{}, err
		}
		return c.next(Streams(args))
	})
	if err != nil {
		return Reply{}, fmt.Errorf("sending %q: %w", args[0], err)
	}
	if Streams(args) && reply.Kind != Error {
		c.streaming = args[0]
	}
	return reply, nil
}

// Receive waits for the next message after a command for which [Streams] is true. Such a connection ends with [Conn.Close].
func (c *Conn) Receive(ctx context.Context) (Reply, error) {
	reply, err := c.guard(ctx, func() (Reply, error) { return c.next(true) })
	if err != nil {
		return Reply{}, fmt.Errorf("receiving from redis: %w", err)
	}
	return reply, nil
}

// next reads the next reply; pushes go to OnPush unless they are what is waited for.
func (c *Conn) next(wantPush bool) (Reply, error) {
	for {
		r, err := c.r.read()
		if err != nil || r.Kind != Push || wantPush {
			return r, err
		}
		if c.OnPush != nil {
			c.OnPush(r)
		}
	}
}

// guard closes the connection when ctx ends while do waits: a deadline would not do, since the pipe of docker's ssh helper has none.
func (c *Conn) guard(ctx context.Context, do func() (Reply, error)) (Reply, error) {
	if c.err != nil {
		return Reply{}, c.err
	}
	if err := ctx.Err(); err != nil {
		return Reply{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.nc.Close() })
	r, err := do()
	if !stop() {
		c.err = ctx.Err() // closed, even if the reply just made it
	}
	if err == nil {
		return r, nil
	}
	if c.err == nil {
		c.err = err
		_ = c.nc.Close()
	}
	return Reply{}, c.err
}

// Err returns why the connection cannot be used any more, or nil while it can. A console then connects again; whether a command that
// got no reply was carried out is unknown.
func (c *Conn) Err() error { return c.err }

// Close closes the connection.
func (c *Conn) Close() error {
	if c.err == nil {
		c.err = net.ErrClosed
	}
	if err := c.nc.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing connection to redis: %w", err)
	}
	return nil
}

// Streams reports whether a command is answered with a stream of messages, to be read with [Conn.Receive].
func Streams(args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch strings.ToLower(args[0]) {
	case "subscribe", "psubscribe", "ssubscribe", "monitor":
		return true
	}
	return false
}

// refused says why a command is not sent: its answer is no reply, so the console would wait for good.
func refused(name string, args []string) string {
	switch {
	case name == "sync", name == "psync":
		return "it would stream the whole data set; take a snapshot instead"
	case name == "client" && len(args) >= 3 && strings.EqualFold(args[1], "reply") && !strings.EqualFold(args[2], "on"):
		return "no reply would come, and a console waits for it"
	}
	return ""
}
