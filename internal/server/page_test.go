package server

import (
	"bufio"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

// pageConfig is configFor with the page that stackctl brings along.
func pageConfig(t *testing.T, redis string) Config {
	t.Helper()
	page, err := os.ReadFile("../../assets/page.html")
	if err != nil {
		t.Fatal(err)
	}
	cfg := configFor(t, redis)
	cfg.Page = string(page)
	return cfg
}

const chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"

func TestOnlyBrowsersGetThePage(t *testing.T) {
	s := startSite(t, pageConfig(t, startRedis(t).Addr()), nil)
	for accept, html := range map[string]bool{
		"": false, "*/*": false, "text/plain": false, "application/json": false, "text/html;q=0": false,
		chromium: true, "text/html": true,
	} {
		a := s.request("GET", "/", "Accept", accept)
		if a.Status != 200 || a.Header.Get("Vary") != "Accept" {
			t.Errorf("Accept %q: %d, Vary %q", accept, a.Status, a.Header.Get("Vary"))
		}
		if html {
			if !strings.Contains(a.Body, welcome) || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") ||
				!strings.HasPrefix(a.Header.Get("Content-Security-Policy"), "default-src 'none'; ") {
				t.Errorf("Accept %q: %v %.60q", accept, a.Header, a.Body)
			}
		} else if a.Body != welcome || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("Accept %q: %v %.60q", accept, a.Header, a.Body)
		}
	}
}

// The count moves on an open page, reading it counts nothing, and a drain does not wait for who looks at it.
func TestEventsThroughTheServer(t *testing.T) {
	m := startRedis(t)
	s := startSite(t, pageConfig(t, m.Addr()), nil)
	s.get("/count")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.server.Addr()+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	await := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("the stream ended without %s: %v", text, lines.Err())
	}
	await(`"count":"1"`)
	s.get("/count")
	await(`"count":"2"`)
	if n, _ := m.Get("visits"); n != "2" {
		t.Errorf("visits is %s", n)
	}
	begin := time.Now()
	if err := s.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("took %s", took)
	}
	for lines.Scan() { // to the end
	}
	if lines.Err() != nil {
		t.Errorf("the stream was cut: %v", lines.Err())
	}
}

func TestAPageThatIsNoTemplate(t *testing.T) {
	cfg := configFor(t, tiertest.FreeAddr(t))
	cfg.Page = "{{nothing}}"
	if _, err := New(cfg, &tiertest.Log{}); err == nil || !strings.HasPrefix(err.Error(), "parsing the template of the page: ") {
		t.Errorf("got %v", err)
	}
}
