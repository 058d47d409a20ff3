package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
)

const (
	requestIDHeader = "X-Request-Id" // in net/http's canonical form, so that it is found without a copy

	// maxBodyBytes is generous for a tier none of whose routes reads a body.
	maxBodyBytes = 64 << 10
	// maxLogged cuts what a client can put into a log line, in bytes.
	maxLogged = 256
)

// front stands before every route: request id, body limit, access log, recovery. It is one handler
// and not a stack of them, so that a request is wrapped once.
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

	id := requestID(r.Header.Get(requestIDHeader))
	w.Header().Set(requestIDHeader, id)
	rec := &recorder{ResponseWriter: w}
	defer func() {
		cause := recover()
		if cause != nil {
			f.panicked(rec, id, cause)
		}
		took := time.Since(start)
		f.observe(r.Pattern, rec.code(), took)
		f.access(rec, r, id, took)
		// A response that had begun cannot become a 500. Aborting the connection
		// at least keeps the client from taking half of it for the whole.
		if cause != nil && (aborts(cause) || !rec.answeredPanic) {
			panic(http.ErrAbortHandler)
		}
	}()

	switch {
	case r.ContentLength > maxBodyBytes:
		w.Header().Set("Connection", "close")
		text(rec, http.StatusRequestEntityTooLarge, []byte("Request Entity Too Large"))
		return
	case r.ContentLength != 0: // the length may also be unknown: -1
		r.Body = http.MaxBytesReader(rec, r.Body, maxBodyBytes)
	}
	f.next.ServeHTTP(rec, r)
}

// aborts reports whether a panic is net/http's way to drop a connection.
func aborts(cause any) bool {
	err, ok := cause.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// panicked logs a handler's panic and answers 500 where nothing has been sent yet. It runs
// inside the deferred call, so the stack still shows where the panic was.
func (f *front) panicked(rec *recorder, id string, cause any) {
	if aborts(cause) {
		return // net/http's way to drop a connection on purpose
	}
	f.log.Error("handler panicked", "panic", fmt.Sprint(cause), "request_id", id, "stack", string(debug.Stack()))
	if rec.status == 0 {
		text(rec, http.StatusInternalServerError, []byte("Internal Server Error"))
		rec.answeredPanic = true
	}
}

// access writes the request's one line. Probes come every few seconds for as long
// as the container lives, so they are shown at debug only.
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
		slog.String("method", clip(r.Method)),
		slog.String("path", clip(r.URL.Path)),
		slog.Int("status", rec.code()),
		milliseconds("duration_ms", took),
		slog.Int64("bytes", rec.bytes),
		slog.String("remote", r.RemoteAddr),
	}
	n := 7
	if rec.counted {
		attrs[n] = milliseconds("redis_ms", rec.counting)
		n++
		if rec.visit > 0 { // else no number is known
			attrs[n] = slog.Int64("visit", rec.visit)
			n++
		}
	}
	f.log.LogAttrs(r.Context(), level, "request", attrs[:n]...)
}

func milliseconds(key string, d time.Duration) slog.Attr {
	return slog.Float64(key, float64(d.Microseconds())/1000)
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status        int // 0 until the header is written
	bytes         int64
	answeredPanic bool

	// What /count has to say in the access line, so that a request can be followed into Redis.
	counted  bool
	visit    int64         // the number it got; 0 if none is known
	counting time.Duration // how long the counter took
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= 200 { // 1xx are not yet the answer
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

// Unwrap lets http.ResponseController reach Flush and the deadlines.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// code is the status the client sees: net/http answers 200 for a handler that wrote nothing.
func (rec *recorder) code() int {
	if rec.status == 0 {
		return http.StatusOK
	}
	return rec.status
}

// requestID keeps an id given from outside, so that one request has one name in every tier's log,
// unless it could do harm there.
func requestID(given string) string {
	if validRequestID(given) {
		return given
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

// validRequestID says whether id is 1 to 128 characters of [A-Za-z0-9._-].
func validRequestID(id string) bool {
	if len(id) < 1 || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !isAlphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if len(s) <= maxLogged {
		return s
	}
	return strings.ToValidUTF8(s[:maxLogged], "") + "…"
}
