package live

import (
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// between is what stands between two marks, the first time they come.
func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, begin)
	inner, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("no %s…%s in the page", begin, end)
	}
	return inner
}

func TestIndex(t *testing.T) {
	p := newPage(t, &fakeCount{})
	tr := feed(1234000, 1234560, 1234567)
	p.publish(*tr, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	w := httptest.NewRecorder()
	p.Index(w, httptest.NewRequest(http.MethodGet, "/", nil))
	page, h := w.Body.String(), w.Header()
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Vary": "Accept",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{
		"<h1>Welcome to the CoderCo Container Challenge</h1>", `<data id="count" value="1234567">1,234,567</data>`,
		`<dd id="rate">7.0</dd>`, "as of 03:04:05 UTC", `<span id="top">600</span>`, tr.summary(), tr.path(), `<html lang="en">`,
		`<noscript><meta http-equiv="refresh" content="5"></noscript>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if len(page) > 12<<10 || strings.Contains(page, "{{") || strings.Contains(page, "style=") || strings.Contains(page, "onclick=") {
		t.Errorf("%d bytes, or something in it that the policy refuses", len(page))
	}
	checkPolicy(t, h.Get("Content-Security-Policy"), page)
}

func checkPolicy(t *testing.T, policy, page string) {
	t.Helper()
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	directives := strings.Split(policy, "; ")
	for _, want := range []string{
		"default-src 'none'", "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
		"style-src " + hash(between(t, page, "<style>", "</style>")), "script-src " + hash(between(t, page, "<script>", "</script>")),
	} {
		found := false
		for _, d := range directives {
			found = found || d == want
		}
		if !found {
			t.Errorf("no %q in the policy %q", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is not strict: %q", policy)
	}
}

func TestIndexBeforeTheFirstRead(t *testing.T) {
	w := httptest.NewRecorder()
	newPage(t, &fakeCount{}).Index(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if page := w.Body.String(); !strings.Contains(page, `value="">–</data>`) || !strings.Contains(page, "not known yet") {
		t.Errorf("the page without a count:\n%s", page)
	}
}

func TestPagesThatAreRefused(t *testing.T) {
	for name, page := range map[string]string{
		"unknown name": "<style></style><script></script>{{nothing}}",
		"no script":    "<style></style>",
		"two scripts":  "<style></style><script></script><script></script>",
	} {
		if _, err := New(&fakeCount{}, page, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
