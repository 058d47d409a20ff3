package waf

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// answers is an upstream without a network: the web tier's response to a visit.
type answers struct{}

func (answers) RoundTrip(r *http.Request) (*http.Response, error) {
	const text = "This page has been visited 7 times."
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(len(text)),
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Cache-Control": {"no-store"}, "Date": {"Sat, 28 Nov 2026 19:00:00 GMT"}},
		Body:   io.NopCloser(strings.NewReader(text)),
	}, nil
}

// BenchmarkGate is what one request costs in the handler, without the network.
func BenchmarkGate(b *testing.B) {
	for _, name := range []string{"curl", "chrome", "form"} {
		b.Run(name, func(b *testing.B) {
			cfg := configFor(b, "127.0.0.1:1")
			rules, err := loadRules(cfg, nil)
			if err != nil {
				b.Fatal(err)
			}
			gate := newGate(cfg, rules, answers{}, newMetrics("", func() float64 { return 0 }), slog.New(slog.NewJSONHandler(io.Discard, nil)), new(atomic.Int64))
			b.ReportAllocs()
			for b.Loop() {
				gate.ServeHTTP(httptest.NewRecorder(), benchRequest(name))
			}
		})
	}
}

func benchRequest(name string) *http.Request {
	c, body := clients[name], ""
	if name == "form" {
		c, body = clients["chrome"], "name=Ada+Lovelace&mail=ada%40example.org&text="+strings.Repeat("A+line+of+text.+", 60)
		c.method, c.path = http.MethodPost, "/form"
	}
	r := httptest.NewRequest(c.method, c.path, strings.NewReader(body))
	if body == "" {
		r = httptest.NewRequest(c.method, c.path, http.NoBody)
	} else {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Host = "localhost:5002"
	header := append(append([]string{}, c.header...), asNginx...)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}
