package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
)

// maxBodyBytes is more than enough: no route reads a body.
const maxBodyBytes = 64 << 10

// front wraps all routes: request id, body limit, access log, recovery. It is one handler rather
// than a chain of them, so that a response is wrapped once.
type front struct {
	next     http.Handler
	log      *slog.Logger
	inFlight *atomic.Int64
	observe  func(pattern string, code int, took time.Duration)
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	f.inFlight.Add(1)
	defer f.inFlight.Add(-1)

	id := tier.RequestID(r.Header.Get(tier.RequestIDHeader))
	w.Header().Set(tier.RequestIDHeader, id)
	rec := &recorder{ResponseWriter: w}
	defer func() {
		cause := recover()
		if cause != nil {
			f.panicked(rec, id, cause)
		}
		took := time.Since(start)
		f.observe(r.Pattern, rec.code(), took)
		f.access(rec, r, id, took)
		// A response that has begun can no longer be a 500. Aborting the connection at least
		// tells the client that the response is not complete.
		if cause != nil && (aborts(cause) || !rec.answeredPanic) {
			panic(http.ErrAbortHandler)
		}
	}()

	switch {
	case r.ContentLength > maxBodyBytes:
		w.Header().Set("Connection", "close")
		text(rec, http.StatusRequestEntityTooLarge, []byte("Request Entity Too Large"))
		return
	case r.ContentLength != 0: // -1 if it is unknown
		r.Body = http.MaxBytesReader(rec, r.Body, maxBodyBytes)
	}
	f.next.ServeHTTP(rec, r)
}

// aborts reports whether a panic is net/http's way to close a connection on purpose.
func aborts(cause any) bool {
	err, ok := cause.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// panicked logs a handler's panic and answers 500 if nothing has been sent yet. It runs inside
// the deferred call, so the stack still shows where the panic was.
func (f *front) panicked(rec *recorder, id string, cause any) {
	if aborts(cause) {
		return
	}
	f.log.Error("handler panicked", "panic", fmt.Sprint(cause), "request_id", id, "stack", string(debug.Stack()))
	if rec.status == 0 {
		text(rec, http.StatusInternalServerError, []byte("Internal Server Error"))
		rec.answeredPanic = true
	}
}

// access writes the request's line to the log. Probes come every few seconds, so they are logged
// at debug level only.
func (f *front) access(rec *recorder, r *http.Request, id string, took time.Duration) {
	level := slog.LevelInfo
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		level = slog.LevelDebug
	}
	if !f.log.Enabled(r.Context(), level) {
		return
	}
	attrs := [9]slog.Attr{
		slog.String("request_id", id),
		slog.String("method", tier.Clip(r.Method)),
		slog.String("path", tier.Clip(r.URL.Path)),
		slog.Int("status", rec.code()),
		tier.Milliseconds("duration_ms", took),
		slog.Int64("bytes", rec.bytes),
		slog.String("remote", r.RemoteAddr),
	}
	n := 7
	if rec.counted {
		attrs[n] = tier.Milliseconds("redis_ms", rec.counting)
		n++
		if rec.visit > 0 { // 0 if the number is unknown
			attrs[n] = slog.Int64("visit", rec.visit)
			n++
		}
	}
	f.log.LogAttrs(r.Context(), level, "request", attrs[:n]...)
}

// recorder records the response for the access log.
type recorder struct {
	http.ResponseWriter
	status        int // 0 until the header is written
	bytes         int64
	answeredPanic bool

	// Set by /count.
	counted  bool
	visit    int64         // its number; 0 if it is unknown
	counting time.Duration // how long the counter took
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= 200 { // 1xx is not the final status
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += int64(n)
	return n, err
}

// Unwrap gives http.ResponseController access to Flush and the deadlines.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// code returns the status that the client gets: net/http sends 200 if a handler wrote nothing.
func (rec *recorder) code() int {
	if rec.status == 0 {
		return http.StatusOK
	}
	return rec.status
}
