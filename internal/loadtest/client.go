package loadtest

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// repeating counts the requests that net/http repeats: a GET that got no response on a reused connection.
type repeating struct {
	*http.Transport
	repeated func()
}

func (r repeating) RoundTrip(req *http.Request) (*http.Response, error) {
	var connections atomic.Int32 // that the request used: the trace sees all its attempts
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		if connections.Add(1) > 1 {
			r.repeated()
		}
	}})
	return r.Transport.RoundTrip(req.WithContext(ctx))
}

// minConnections is the smallest number of connections in use.
const minConnections = 24

// unrepeated sends each request once, on keep-alive connections that take turns, as that many clients would that each send a request now
// and then. It does not check whether the server has closed a connection: many clients do not, and those that do can still be too late.
type unrepeated struct {
	mu   sync.Mutex
	idle []*connection // the least recently used first; nil is one to be opened
	done bool
}

// anyone is spoken to regardless of the certificate: it is counted who answers, not asked who it is.
var anyone = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above

func newUnrepeated() *unrepeated { return &unrepeated{idle: make([]*connection, minConnections)} }

type connection struct {
	net.Conn
	reader *bufio.Reader
}

func (u *unrepeated) RoundTrip(req *http.Request) (*http.Response, error) {
	c, err := u.take(req.Context(), req.URL)
	if err != nil {
		return nil, err
	}
	resp, err := c.roundTrip(req)
	if err != nil {
		u.giveBack(c, false)
		return nil, err
	}
	resp.Body = &body{ReadCloser: resp.Body, giveBack: func(complete bool) { u.giveBack(c, complete && !resp.Close) }}
	return resp, nil
}

func (c *connection) roundTrip(req *http.Request) (*http.Response, error) {
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if err := req.Write(c); err != nil {
		return nil, err
	}
	return http.ReadResponse(c.reader, req)
}

func (u *unrepeated) take(ctx context.Context, target *url.URL) (*connection, error) {
	u.mu.Lock()
	var c *connection
	if len(u.idle) > 0 {
		c, u.idle = u.idle[0], u.idle[1:]
	}
	u.mu.Unlock()
	if c != nil {
		return c, nil
	}
	conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, "tcp", target.Host)
	if err != nil {
		u.giveBack(nil, false)
		return nil, err
	}
	if target.Scheme == "https" {
		conn = tls.Client(conn, anyone)
	}
	return &connection{Conn: conn, reader: bufio.NewReader(conn)}, nil
}

// giveBack returns a connection to the idle ones; if it is not usable, another is opened when its turn comes.
func (u *unrepeated) giveBack(c *connection, usable bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if usable = usable && !u.done; !usable && c != nil {
		_ = c.Close()
		c = nil
	}
	u.idle = append(u.idle, c)
}

// CloseIdleConnections closes the connections, and those still in use when they are given back.
func (u *unrepeated) CloseIdleConnections() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.idle {
		if c != nil {
			_ = c.Close()
		}
	}
	u.idle, u.done = nil, true
}

// body is a response's body that gives its connection back when it is closed.
type body struct {
	io.ReadCloser
	once     sync.Once
	giveBack func(complete bool)
}

func (b *body) Close() error {
	err := b.ReadCloser.Close() // reads the rest
	b.once.Do(func() { b.giveBack(err == nil) })
	return err
}
