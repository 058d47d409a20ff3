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

// Conn is one connection for a console: it sends any command and keeps the reply's type. MULTI, SELECT, WATCH and HELLO 3 work because
// it is always the same connection. It is not safe for concurrent use.
type Conn struct {
	nc        net.Conn
	r         replyReader
	streaming string // the command that began a stream of messages
	err       error  // why the connection can no longer be used

	// OnPush, if not nil, gets the messages that Redis pushes between replies in RESP3, such as invalidated keys.
	OnPush func(Reply)
}

// ErrStreaming says that the connection only receives messages, after SUBSCRIBE or MONITOR.
var ErrStreaming = errors.New("the connection only receives messages now")

// Connect dials and, if the options say so, logs in and selects a database, all within 15 s.
func Connect(ctx context.Context, dial Dialer, opts ...Option) (*Conn, error) {
	cfg := newConfig(opts)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
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

// Do sends a command and waits for its reply. An error reply of Redis is a Reply; an error means that there is no reply and, unless the
// command was refused before it was sent, that the connection can no longer be used (see [Conn.Err]).
//
// Some commands (BLPOP, WAIT) block for as long as their arguments say, so only ctx bounds the wait: when it ends, the connection is
// closed and ctx's error returned.
func (c *Conn) Do(ctx context.Context, args ...string) (Reply, error) {
	if len(args) == 0 {
		return Reply{}, errors.New("sending command: there is no command; type one, such as PING")
	}
	name := strings.ToLower(args[0])
	if reason := refused(name, args); reason != "" {
		return Reply{}, fmt.Errorf("sending %q: %s", args[0], reason)
	}
	if c.streaming != "" {
		return Reply{}, fmt.Errorf("sending %q after %q: %w", args[0], c.streaming, ErrStreaming)
	}
	reply, err := c.closeOnCancel(ctx, func() (Reply, error) {
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

// Receive waits for the next message after a command for which [Streams] is true. Such a connection can then only be closed.
func (c *Conn) Receive(ctx context.Context) (Reply, error) {
	reply, err := c.closeOnCancel(ctx, func() (Reply, error) { return c.next(true) })
	if err != nil {
		return Reply{}, fmt.Errorf("receiving from redis: %w", err)
	}
	return reply, nil
}

// next reads the next reply. Pushes go to OnPush, unless the caller waits for one.
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

// closeOnCancel closes the connection if ctx ends while do waits. A deadline would not work: the pipe of docker's ssh helper has none.
func (c *Conn) closeOnCancel(ctx context.Context, do func() (Reply, error)) (Reply, error) {
	if c.err != nil {
		return Reply{}, c.err
	}
	if err := ctx.Err(); err != nil {
		return Reply{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.nc.Close() })
	r, err := do()
	if !stop() {
		c.err = ctx.Err() // closed, even if the reply arrived just before
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

// Err returns why the connection can no longer be used, or nil if it can. A console then connects again; whether Redis ran a command
// that got no reply is unknown.
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

// refused returns why a command is not sent, or "": without a reply to it, the console would wait forever.
func refused(name string, args []string) string {
	switch {
	case name == "sync", name == "psync":
		return "it would stream the whole data set; take a snapshot instead"
	case name == "client" && len(args) >= 3 && strings.EqualFold(args[1], "reply") && !strings.EqualFold(args[2], "on"):
		return "the console waits for a reply, and none would come"
	}
	return ""
}
