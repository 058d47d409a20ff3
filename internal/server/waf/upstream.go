package waf

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	connectTimeout = time.Second
	// keepIdle is shorter than the 65 s after which nginx closes an idle connection, so that no request meets one that is being closed.
	keepIdle = 30 * time.Second
	maxIdle  = 512
	// attempts is how many kept connections may turn out to be closed before a request fails.
	attempts = 4
)

// upstream sends requests on, each at most once: a visit may have been counted although its response was lost.
//
// net/http repeats a GET on another connection if a kept one breaks before the response. It does not repeat a request with a body
// that it cannot get again; so those that it would repeat are given an empty body of that kind. Only if not a byte was written is a
// request sent again: the connection had been closed while it was idle.
type upstream struct{ transport *http.Transport }

var _ http.RoundTripper = (*upstream)(nil)

func newUpstream(cfg Config) *upstream {
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &upstream{&http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, cfg.Upstream)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		DisableCompression:     true, // the client's Accept-Encoding goes on as it is
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        keepIdle,
		ResponseHeaderTimeout:  cfg.UpstreamTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}}
}

func (u *upstream) close() { u.transport.CloseIdleConnections() }

// RoundTrip sends the request of an exchange, with its body.
func (u *upstream) RoundTrip(req *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		var conn *countedConn
		var before int64
		reused := false
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			if counted, ok := info.Conn.(*countedConn); ok {
				conn, before, reused = counted, counted.written.Load(), info.Reused
			}
		}}
		out := req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
		out.GetBody = nil
		if content := exchangeOf(req).body; len(content) > 0 {
			out.Body = io.NopCloser(bytes.NewReader(content))
		} else {
			out.Body = emptyBody(out)
		}
		resp, err := u.transport.RoundTrip(out)
		if err == nil {
			return resp, nil
		}
		unsent := reused && conn.written.Load() == before
		if !unsent || attempt == attempts || req.Context().Err() != nil {
			return nil, err
		}
	}
}

// emptyBody returns a body without content for a request that net/http would repeat, so that it does not. For the methods without a
// body net/http finds out that it is empty and sends no Transfer-Encoding.
func emptyBody(req *http.Request) io.ReadCloser {
	_, key := req.Header["Idempotency-Key"]
	_, xkey := req.Header["X-Idempotency-Key"]
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
	default:
		if !key && !xkey {
			return http.NoBody
		}
	}
	return io.NopCloser(eof{})
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// countedConn counts the bytes written to a connection.
type countedConn struct {
	net.Conn
	written atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}
