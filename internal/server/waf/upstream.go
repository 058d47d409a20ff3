package waf

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	connectTimeout = time.Second
	// A request is sent once, but connected for again until one of these is reached, as nginx does: the machine may be busy.
	connectAttempts = 4
	connectWithin   = 4 * time.Second
	// lookupAge is for how long the answer of the resolver is used: without kept connections there would be a question for each request.
	lookupAge = 5 * time.Second
)

// upstream sends requests on, each at most once: a visit may have been counted although its response was lost.
//
// Each request has a connection of its own. A kept one could be closed by nginx, which does so when it reloads, just when a request is
// sent; nobody could tell then whether the request had arrived. net/http does not repeat requests on connections that were not used before.
type upstream struct{ transport *http.Transport }

var _ http.RoundTripper = (*upstream)(nil)

func newUpstream(cfg Config) *upstream {
	r := newRoute(cfg.Upstream)
	return &upstream{&http.Transport{
		DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return r.dial(ctx) },
		DisableKeepAlives:      true,
		DisableCompression:     true, // the client's Accept-Encoding goes on as it is
		ResponseHeaderTimeout:  cfg.UpstreamTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}}
}

// RoundTrip sends the request of an exchange, with its body.
func (u *upstream) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.WithContext(req.Context())
	out.GetBody = nil
	out.Body = http.NoBody
	if content := exchangeOf(req).body; len(content) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(content))
	}
	return u.transport.RoundTrip(out)
}

// route connects to the upstream.
type route struct {
	host, port string
	dialer     net.Dialer
	lookup     func(ctx context.Context, host string) ([]string, error)
	known      atomic.Pointer[answer]
	asking     sync.Mutex
	turn       atomic.Uint32 // which of several addresses is next
}

// answer is what the resolver said.
type answer struct {
	addresses []string
	until     time.Time
}

func newRoute(hostport string) *route {
	r := &route{dialer: net.Dialer{Timeout: connectTimeout}, lookup: net.DefaultResolver.LookupHost}
	r.host, r.port, _ = net.SplitHostPort(hostport) // the configuration has checked it
	return r
}

// dial connects, and tries again while nothing was sent.
func (r *route) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	for attempt := 1; ; attempt++ {
		conn, err := r.connect(ctx)
		if err == nil || attempt == connectAttempts || ctx.Err() != nil {
			return conn, err
		}
		r.known.Store(nil) // it may have moved
	}
}

func (r *route) connect(ctx context.Context) (net.Conn, error) {
	addresses, err := r.addresses(ctx)
	if err != nil {
		return nil, err
	}
	address := addresses[int(r.turn.Add(1))%len(addresses)]
	return r.dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, r.port))
}

// addresses returns where the upstream is. One request asks, and meanwhile the others use what was known.
func (r *route) addresses(ctx context.Context) ([]string, error) {
	known := r.known.Load()
	if known != nil && (time.Now().Before(known.until) || !r.asking.TryLock()) {
		return known.addresses, nil
	}
	if known == nil {
		r.asking.Lock()
		if known = r.known.Load(); known != nil { // asked meanwhile
			r.asking.Unlock()
			return known.addresses, nil
		}
	}
	defer r.asking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	found, err := r.lookup(ctx, r.host)
	if err != nil || len(found) == 0 {
		if known != nil {
			return known.addresses, nil
		}
		return nil, fmt.Errorf("looking up %q (WAF_UPSTREAM): %w", r.host, err)
	}
	r.known.Store(&answer{found, time.Now().Add(lookupAge)})
	return found, nil
}
