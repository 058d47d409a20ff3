package waf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"runtime/debug"
	"sync/atomic"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
)

const (
	// slotTimeout is how long a request may wait until others have been inspected.
	slotTimeout = 5 * time.Second
	// statusClientClosed is nginx's code for a client that closed the connection; it is only for the log.
	statusClientClosed = 499
)

var (
	errBlocked = errors.New("the response was blocked")
	errTooLong = errors.New("the body is longer than 64 KiB")
)

// gate is the handler of all requests: it reads the body, has the request inspected, and passes it on or answers itself. It is written
// here instead of taken from Coraza's http package, whose answer to an error of its own is an empty 200.
type gate struct {
	rules    *rules
	proxy    *httputil.ReverseProxy
	slots    chan struct{} // those who inspect
	metrics  *metrics
	log      *slog.Logger
	inFlight *atomic.Int64
}

func newGate(cfg Config, rules *rules, up http.RoundTripper, m *metrics, log *slog.Logger, inFlight *atomic.Int64) *gate {
	g := &gate{rules: rules, slots: make(chan struct{}, cfg.Concurrency), metrics: m, log: log, inFlight: inFlight}
	g.proxy = &httputil.ReverseProxy{
		Transport:      up,
		Rewrite:        func(pr *httputil.ProxyRequest) { rewrite(pr, cfg.Upstream) },
		ModifyResponse: g.inspectResponse,
		ErrorHandler:   g.failed,
		BufferPool:     newBuffers(),
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug), // a client that is gone while its response is copied
	}
	return g
}

// rewrite passes the request on as it came: Host, X-Forwarded-For and the query too, which ReverseProxy would change.
func rewrite(pr *httputil.ProxyRequest, upstream string) {
	pr.Out.URL.Scheme, pr.Out.URL.Host = "http", upstream
	pr.Out.URL.RawQuery, pr.Out.Host = pr.In.URL.RawQuery, pr.In.Host
	pr.Out.TransferEncoding = nil // the body's length is known now
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, ok := pr.In.Header[name]; ok {
			pr.Out.Header[name] = values
		}
	}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.inFlight.Add(1)
	defer g.inFlight.Add(-1)
	x := newExchange(w, r)
	w = &x.rec
	defer func() {
		cause := recover()
		if cause != nil {
			g.panicked(x, cause)
		}
		g.finish(x, r)
		if cause != nil && (aborts(cause) || !x.rec.answeredPanic) {
			panic(http.ErrAbortHandler) // a response that has begun can only be cut off
		}
	}()

	if err := x.readBody(r); err != nil {
		g.refuse(x, r, err)
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	in, err := g.inspectRequest(x, r)
	switch {
	case r.Context().Err() != nil:
		x.answer(statusClientClosed, verdictGone, "")
	case err != nil:
		g.log.Error("cannot inspect", "error", err.Error(), "request_id", x.id)
		x.answer(http.StatusServiceUnavailable, verdictFailed, "Service Unavailable\n")
	case in != nil:
		x.block(in)
	default:
		g.proxy.ServeHTTP(w, r)
	}
}

// refuse answers a request whose body could not be read.
func (g *gate) refuse(x *exchange, r *http.Request, err error) {
	x.rec.Header().Set("Connection", "close")
	var timeout net.Error
	switch {
	case errors.Is(err, errTooLong):
		x.answer(http.StatusRequestEntityTooLarge, verdictRefused, "Request Entity Too Large\n")
	case r.Context().Err() != nil || errors.Is(err, io.ErrUnexpectedEOF):
		x.answer(statusClientClosed, verdictGone, "")
	case errors.As(err, &timeout) && timeout.Timeout():
		x.answer(http.StatusRequestTimeout, verdictRefused, "Request Timeout\n")
	default: // such as a chunk that is not one
		x.answer(http.StatusBadRequest, verdictRefused, "Bad Request\n")
	}
}

// failed answers a request that has no response of the upstream, or one that must not be passed on.
func (g *gate) failed(_ http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r)
	var timeout net.Error
	switch {
	case errors.Is(err, errBlocked):
		x.block(x.tx.Interruption())
	case errors.Is(err, errInspection):
		g.log.Error("cannot inspect", "error", err.Error(), "request_id", x.id)
		x.answer(http.StatusServiceUnavailable, verdictFailed, "Service Unavailable\n")
	case r.Context().Err() != nil:
		x.answer(statusClientClosed, verdictGone, "")
	case errors.As(err, &timeout) && timeout.Timeout():
		g.log.Warn("upstream failed", "error", err.Error(), "request_id", x.id)
		x.answer(http.StatusGatewayTimeout, verdictUnreachable, "Gateway Timeout\n")
	default:
		g.log.Warn("upstream failed", "error", err.Error(), "request_id", x.id)
		x.answer(http.StatusBadGateway, verdictUnreachable, "Bad Gateway\n")
	}
}

// panicked logs a panic and answers 503 if nothing has been sent yet.
func (g *gate) panicked(x *exchange, cause any) {
	if aborts(cause) {
		return
	}
	g.log.Error("handler panicked", "panic", fmt.Sprint(cause), "request_id", x.id, "stack", string(debug.Stack()))
	if x.rec.status == 0 {
		x.answer(http.StatusServiceUnavailable, verdictFailed, "Service Unavailable\n")
		x.rec.answeredPanic = true
	}
}

// aborts reports whether a panic is net/http's way to close a connection on purpose.
func aborts(cause any) bool {
	err, ok := cause.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// enter waits until there is a slot for an inspection, and returns what leaves it.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-g.slots }
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, slotTimeout)
	defer cancel()
	select {
	case g.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for one of %d inspections to end (WAF_CONCURRENCY): %w", cap(g.slots), ctx.Err())
	}
}

// finish logs and counts an exchange that is over.
func (g *gate) finish(x *exchange, r *http.Request) {
	matches, score := x.close()
	took := time.Since(x.begin)
	verdict := x.verdict
	if verdict == verdictPassed && len(matches) > 0 {
		verdict = verdictDetected
	}
	g.metrics.observe(verdict, took, x.inspecting, matches)
	if len(matches) > 0 {
		logMatches(g.log, x, r, verdict, matches, score, took)
	}
	g.log.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("request_id", x.id),
		slog.String("method", tier.Clip(r.Method)),
		slog.String("path", tier.Clip(r.URL.Path)),
		slog.Int("status", x.rec.code()),
		tier.Milliseconds("duration_ms", took),
		slog.Int64("bytes", x.rec.bytes),
		slog.String("remote", r.RemoteAddr),
		tier.Milliseconds("waf_ms", x.inspecting),
		slog.String("verdict", verdict))
}
