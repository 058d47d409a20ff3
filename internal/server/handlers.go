package server

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"stackctl.dev/stackctl/internal/fault"
	"stackctl.dev/stackctl/internal/server/live"
	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/server/visits"
)

const (
	welcome = "Welcome to the CoderCo Container Challenge"

	// readyTimeout bounds the PING of /readyz. It is shorter than Check's timeout, so that a
	// healthcheck gets the reason and does not time out itself.
	readyTimeout = 500 * time.Millisecond

	// statusClientClosed is nginx's code for a client that closed the connection. It is only for the
	// access log, to tell such requests from real failures.
	statusClientClosed = 499
)

// Header values that are the same for every response. net/http only reads them, and assigning the
// shared slice saves an allocation for each.
var (
	textPlain = []string{"text/plain; charset=utf-8"}
	noStore   = []string{"no-store"}
	accept    = []string{"Accept"}
)

// counter counts a visit and returns its number, which no other visit gets. After an error the
// visit may or may not have been counted.
type counter interface {
	Next(ctx context.Context) (int64, error)
}

// pinger checks whether the counter's store answers.
type pinger interface {
	Ping(ctx context.Context) error
}

// routes are the web tier's request handlers.
type routes struct {
	counter counter
	pinger  pinger
	page    *live.Page // nil for none
	past    *live.Past // nil for none
	log     *slog.Logger
}

// mux uses GET patterns, which also match HEAD, and answer other methods with 405 and Allow.
// Only /count checks the method itself: a HEAD must not count.
func (rt *routes) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", rt.index)
	if rt.page != nil {
		mux.HandleFunc("GET /events", rt.page.Events)
	}
	if rt.past != nil {
		mux.Handle("GET /history", rt.past)
	}
	mux.HandleFunc("/count", rt.count)
	mux.HandleFunc("GET /healthz", rt.healthz)
	mux.HandleFunc("GET /readyz", rt.readyz)
	return mux
}

// index answers browsers with the page, and other clients with one sentence of it.
func (rt *routes) index(w http.ResponseWriter, r *http.Request) {
	if rt.page != nil {
		w.Header()["Vary"] = accept
		if live.WantsHTML(r) {
			rt.page.Index(w, r)
			return
		}
	}
	text(w, http.StatusOK, []byte(welcome))
}

func (rt *routes) count(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		text(w, http.StatusMethodNotAllowed, []byte("Method Not Allowed"))
		return
	}
	begin := time.Now()
	n, err := rt.counter.Next(r.Context())
	if rec, ok := w.(*recorder); ok { // always, except in tests of the routes alone
		rec.counted, rec.visit, rec.counting = true, n, time.Since(begin)
	}
	if err != nil {
		rt.countFailed(w, r, err)
		return
	}
	body := make([]byte, 0, 64)
	body = append(body, "This page has been visited "...)
	body = strconv.AppendInt(body, n, 10)
	body = append(body, " times."...)
	text(w, http.StatusOK, body)
}

// countFailed maps the error of a count to a response. The store logs once why Redis is away;
// visitors are not told. A 503 comes after COUNT_TIMEOUT, or at once if the queue is full.
func (rt *routes) countFailed(w http.ResponseWriter, r *http.Request, err error) {
	known := fault.Of(err)
	switch {
	case known != nil && known.Lasts:
		rt.log.Error("cannot count", "error", err.Error(), "fix", known.Fix, "request_id", w.Header().Get(tier.RequestIDHeader))
		text(w, http.StatusInternalServerError, []byte(known.State+". Please ask the operator to reset it."))
	case r.Context().Err() != nil:
		text(w, statusClientClosed, nil)
	default:
		rt.log.Debug("cannot count", "error", err.Error(), "request_id", w.Header().Get(tier.RequestIDHeader))
		w.Header().Set("Retry-After", "1")
		text(w, http.StatusServiceUnavailable, []byte("The visit counter is not available. Please try again in a moment."))
	}
}

// healthz says that the process is alive, regardless of Redis: restarting this container would
// not bring Redis back.
func (rt *routes) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Cache-Control"] = noStore
	text(w, http.StatusOK, []byte("ok"))
}

func (rt *routes) readyz(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := rt.pinger.Ping(ctx); err != nil {
		text(w, http.StatusServiceUnavailable, []byte("not ready: redis: "+visits.Reason(err)))
		return
	}
	text(w, http.StatusOK, []byte("ready"))
}

// text writes a complete plain-text response.
func text(w http.ResponseWriter, status int, body []byte) {
	w.Header()["Content-Type"] = textPlain
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client is gone
}
