package waf

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// clients are the headers that ordinary clients send to a page, to its events and to the counter.
var clients = map[string]struct {
	method, path string
	header       []string
}{
	"curl":    {http.MethodGet, "/count", []string{"User-Agent", "curl/8.14.1", "Accept", "*/*"}},
	"wget":    {http.MethodGet, "/count", []string{"User-Agent", "Wget/1.25.0", "Accept", "*/*", "Accept-Encoding", "identity", "Connection", "Keep-Alive"}},
	"go":      {http.MethodGet, "/count", []string{"User-Agent", "Go-http-client/1.1", "Accept-Encoding", "gzip"}},
	"python":  {http.MethodGet, "/count", []string{"User-Agent", "python-requests/2.32.3", "Accept-Encoding", "gzip, deflate", "Accept", "*/*", "Connection", "keep-alive"}},
	"head":    {http.MethodHead, "/", []string{"User-Agent", "curl/8.14.1", "Accept", "*/*"}},
	"options": {http.MethodOptions, "/count", []string{"User-Agent", "curl/8.14.1", "Accept", "*/*"}},
	"monitor": {http.MethodGet, "/readyz", []string{"User-Agent", "kube-probe/1.34", "Accept", "*/*", "Connection", "close"}},
	"chrome": {http.MethodGet, "/", []string{"User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"sec-ch-ua", `"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"`, "sec-ch-ua-mobile", "?0", "sec-ch-ua-platform", `"Windows"`,
		"Upgrade-Insecure-Requests", "1", "Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
		"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-User", "?1", "Sec-Fetch-Dest", "document", "Accept-Encoding", "gzip, deflate, br, zstd",
		"Accept-Language", "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", "Cache-Control", "max-age=0", "Connection", "keep-alive"}},
	"firefox": {http.MethodGet, "/", []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
		"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language", "en-US,en;q=0.5", "Accept-Encoding", "gzip, deflate, br, zstd",
		"DNT", "1", "Sec-GPC", "1", "Connection", "keep-alive", "Upgrade-Insecure-Requests", "1", "Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate",
		"Sec-Fetch-Site", "none", "Sec-Fetch-User", "?1", "Priority", "u=0, i"}},
	"safari": {http.MethodGet, "/", []string{"User-Agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
		"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language", "en-GB,en;q=0.9", "Accept-Encoding", "gzip, deflate",
		"Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "none", "Priority", "u=0, i", "Upgrade-Insecure-Requests", "1", "Connection", "keep-alive"}},
	"edge": {http.MethodGet, "/", []string{"User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
		"sec-ch-ua", `"Chromium";v="142", "Microsoft Edge";v="142", "Not_A Brand";v="99"`, "sec-ch-ua-mobile", "?0", "sec-ch-ua-platform", `"Windows"`, "DNT", "1",
		"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8", "Sec-Fetch-Site", "same-origin",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Referer", "http://localhost:5002/", "Accept-Encoding", "gzip, deflate, br, zstd",
		"Accept-Language", "fr-FR,fr;q=0.9", "If-None-Match", `W/"1f-abc"`, "Cookie", "theme=dark; _ga=GA1.1.1234567890.1760000000"}},
	"mobile chrome": {http.MethodGet, "/", []string{"User-Agent", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
		"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language", "en-IN,en;q=0.9", "Accept-Encoding", "gzip, deflate, br, zstd"}},
	"favicon of chrome": {http.MethodGet, "/favicon.ico", []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Accept", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image",
		"Referer", "http://localhost:5002/", "Accept-Encoding", "gzip, deflate, br, zstd"}},
	"eventsource of chrome": {http.MethodGet, "/events", []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		"Accept", "text/event-stream", "Cache-Control", "no-cache", "Last-Event-ID", "42", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty",
		"Referer", "http://localhost:5002/", "Accept-Encoding", "gzip, deflate, br, zstd"}},
	"fetch of firefox": {http.MethodGet, "/count", []string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Accept", "*/*",
		"Accept-Language", "en-US,en;q=0.5", "Accept-Encoding", "gzip, deflate, br, zstd", "Origin", "http://localhost:5002", "Referer", "http://localhost:5002/",
		"Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin", "Connection", "keep-alive"}},
}

// asNginx are the headers that nginx adds.
var asNginx = []string{"X-Request-Id", "0f5a2a7f6c4c1d6f5f0e9b8a7c6d5e4f", "X-Real-Ip", "172.20.0.1", "X-Forwarded-For", "172.20.0.1",
	"X-Forwarded-Host", "localhost:5002", "X-Forwarded-Proto", "http"}

// TestOrdinaryClients: none is blocked at the default settings, and no rule that scores matches, on a name and on a loopback address.
func TestOrdinaryClients(t *testing.T) {
	s := startSite(t, http.HandlerFunc(hello))
	for name, c := range clients {
		for _, host := range []string{"localhost:5002", "127.0.0.1:5002", "[::1]:5002", "example.org"} {
			if a := s.request(c.method, c.path, "", append(append([]string{"Host", host}, c.header...), asNginx...)...); a.Status != http.StatusOK {
				t.Errorf("%s got %d from %s: %s", name, a.Status, host, a.Body)
			}
		}
	}
	for _, line := range s.log.Lines(t, "attack") {
		t.Errorf("a rule matched: %v", line)
	}
}

// TestProgramsOfThisMachine are those that are installed, as they really are.
func TestProgramsOfThisMachine(t *testing.T) {
	s := startSite(t, http.HandlerFunc(hello))
	target := "http://" + s.server.Addr() + "/count"
	for _, command := range [][]string{
		{"curl", "-sSf", "--max-time", "10", "--noproxy", "*", target},
		{"curl", "-sSf", "--max-time", "10", "--noproxy", "*", "-d", "name=O%27Brien&note=100%25", target},
		{"curl", "-sSf", "--max-time", "10", "--noproxy", "*", "-H", "Content-Type: application/json", "-d", `{"name": "x", "n": [1, 2]}`, target},
		{"wget", "-q", "-T", "10", "-t", "1", "--no-proxy", "-O", "-", target},
	} {
		path, err := exec.LookPath(command[0])
		if err != nil {
			t.Logf("%s is not installed", command[0])
			continue
		}
		out, err := exec.CommandContext(t.Context(), path, command[1:]...).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "Hello!" {
			t.Errorf("%v: %v\n%s", command, err, out)
		}
	}
}
