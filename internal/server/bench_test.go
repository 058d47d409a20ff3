package server

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
)

// nullWriter is the cheapest http.ResponseWriter, so that the handlers' own allocations show.
type nullWriter struct{ header http.Header }

func (w nullWriter) Header() http.Header       { return w.header }
func (nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (nullWriter) WriteHeader(int)             {}

// benchmarkPath measures everything between net/http and the store, the access log included.
func benchmarkPath(b *testing.B, path string) {
	var visits atomic.Int64
	store := fakeStore{next: func(context.Context) (int64, error) { return visits.Add(1), nil }}
	cfg := defaultConfig()
	handler := serverWith(cfg, io.Discard, store).http.Handler
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.RemoteAddr = "127.0.0.1:1234"
	w := nullWriter{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		handler.ServeHTTP(w, req)
	}
}

func BenchmarkIndex(b *testing.B) { benchmarkPath(b, "/") }
func BenchmarkCount(b *testing.B) { benchmarkPath(b, "/count") }
