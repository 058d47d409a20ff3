package loadtest

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// repeating counts the requests that net/http sends again by itself: a GET for which a connection that was used before
// gave no answer.
type repeating struct {
	*http.Transport
	repeated func()
}

func (r repeating) RoundTrip(req *http.Request) (*http.Response, error) {
	var connections atomic.Int32 // that it was given: the same trace sees all its tries
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		if connections.Add(1) > 1 {
			r.repeated()
		}
	}})
	return r.Transport.RoundTrip(req.WithContext(ctx))
}

// kept is how many connections there are at least.
const kept = 24

// unrepeated sends each request once, on connections that are kept and used in turn, as so many clients would that each ask now
// and then. It does not look whether the server has closed one meanwhile: many clients do not, and those that do can
// still be too late.
type unrepeated struct {
	mu   sync.Mutex
	idle []*connection // the one that was used least recently is the first; nil is one to be opened
	done bool
}

func newUnrepeated() *unrepeated { return &unrepeated{idle: make([]*connection, kept)} }

type connection struct {
	net.Conn
	reader *bufio.Reader
}

func (u *unrepeated) RoundTrip(req *http.Request) (*http.Response, error) {
	c, err := u.take(req.Context(), req.URL.Host)
	if err != nil {
		return nil, err
	}
	resp, err := c.ask(req)
	if err != nil {
		u.leave(c, false)
		return nil, err
	}
	resp.Body = &answer{ReadCloser: resp.Body, leave: func(whole bool) { u.leave(c, whole && !resp.Close) }}
	return resp, nil
}

func (c *connection) ask(req *http.Request) (*http.Response, error) {
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if err := req.Write(c); err != nil {
		return nil, err
	}
	return http.ReadResponse(c.reader, req)
}

func (u *unrepeated) take(ctx context.Context, host string) (*connection, error) {
	u.mu.Lock()
	var c *connection
	if len(u.idle) > 0 {
		c, u.idle = u.idle[0], u.idle[1:]
	}
	u.mu.Unlock()
	if c != nil {
		return c, nil
	}
	conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, "tcp", host)
	if err != nil {
		u.leave(nil, false)
		return nil, err
	}
	return &connection{Conn: conn, reader: bufio.NewReader(conn)}, nil
}

// leave gives a connection back; in the place of one that cannot be used again another is opened when its turn comes.
func (u *unrepeated) leave(c *connection, again bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if again = again && !u.done; !again && c != nil {
		_ = c.Close()
		c = nil
	}
	u.idle = append(u.idle, c)
}

// CloseIdleConnections ends the connections, also those that are still in use when they come back.
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

// answer gives its connection back when it is closed.
type answer struct {
	io.ReadCloser
	once  sync.Once
	leave func(whole bool)
}

func (a *answer) Close() error {
	err := a.ReadCloser.Close() // it reads what is left
	a.once.Do(func() { a.leave(err == nil) })
	return err
}
