package server

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/server/tier/tiertest"
	"stackctl.dev/stackctl/internal/stack"
)

// startNginx runs the stack's nginx.conf before the given web tiers, until the test ends. It returns nginx's host:port.
func startNginx(t *testing.T, upstreams ...string) string {
	t.Helper()
	return startNginxIn(t, t.TempDir(), upstreams...)
}

// startNginxIn has its files in dir.
func startNginxIn(t *testing.T, dir string, upstreams ...string) string {
	t.Helper()
	addr, _ := startNginxAs(t, dir, "", upstreams...)
	return addr
}

// startNginxAs gives it the config of a version; "" is one that is not known. It returns the master's process too.
func startNginxAs(t *testing.T, dir, version string, upstreams ...string) (string, *os.Process) {
	t.Helper()
	return startNginxWith(t, dir, version, stack.Settings{}, upstreams...)
}

// startNginxWith gives it the config with features and variables.
func startNginxWith(t *testing.T, dir, version string, chosen stack.Settings, upstreams ...string) (string, *os.Process) {
	t.Helper()
	source, err := os.ReadFile("../../assets/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	source = []byte(stack.RenderVersions(stack.RenderFeatures(string(source), chosen.With, chosen.Variables), []string{"NGINX_VERSION=" + version}))
	addr := tiertest.FreeAddr(t)
	conf := strings.NewReplacer("/run/nginx", dir, "/etc/nginx/live", dir, "listen 5002", "listen "+addr, "127.0.0.1:8081", tiertest.FreeAddr(t), "/dev/stdout", dir+"/access.log",
		"listen 5004", "listen "+tiertest.FreeAddr(t), "listen 5443", "listen "+tiertest.FreeAddr(t), "listen 5005", "listen "+tiertest.FreeAddr(t), "server=edge:5140", "server=127.0.0.1:9", "server waf:5003", "server 127.0.0.1:1", "server certs:5003", "server 127.0.0.1:1", "server hold:5006", "server "+cmp.Or(chosen.Variables["HOLD"], "127.0.0.1:1")).Replace(string(source))
	var servers strings.Builder
	for _, upstream := range upstreams {
		fmt.Fprintf(&servers, "server %s max_fails=3 fail_timeout=2s;\n", upstream)
	}
	conf = regexp.MustCompile(`server web:5002[^;]*;`).ReplaceAllLiteralString(conf, servers.String())
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return addr, tiertest.StartNginx(t, file, addr).Process
}

// webTier answers with what nginx asked.
func webTier(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "host=%s forwarded=%q %s %s %s", r.Host, r.Header["X-Forwarded-Host"], r.Method, r.RequestURI, body)
	})}
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close() })
	return listener.Addr().String()
}

// deafTier is a web tier whose queue of connections is full: who connects gets no answer.
func deafTier(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port)) //nolint:forcetypeassert // of an AF_INET socket
	for range 8 {
		conn, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("its queue does not fill")
	return ""
}

// ask sends a request unchanged and returns the whole response.
func ask(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("reading the answer to %q: %v", request, err)
	}
	return string(answer)
}

// HTTP/1.0 needs no Host; the web tier, asked in HTTP/1.1, does.
func TestNginxNamesAHost(t *testing.T) {
	addr := startNginx(t, webTier(t))
	for request, want := range map[string]string{
		"GET /count HTTP/1.0\r\n\r\n":                                                                     `host=localhost forwarded=[]`,
		"GET /count HTTP/1.0\r\nX-Forwarded-Host: forged\r\n\r\n":                                         `host=localhost forwarded=[]`,
		"GET http://far.example/count HTTP/1.0\r\n\r\n":                                                   `host=far.example forwarded=[]`,
		"GET /count HTTP/1.0\r\nHost: a.example:81\r\n\r\n":                                               `host=a.example:81 forwarded=["a.example:81"]`,
		"GET /count HTTP/1.1\r\nHost: [::1]:5002\r\nConnection: close\r\n\r\n":                            `host=[::1]:5002 forwarded=["[::1]:5002"]`,
		"GET /count HTTP/1.1\r\nConnection: close\r\n\r\n":                                                "400 Bad Request", // HTTP/1.1 demands one
		"GET /count HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n":                          "400 Bad Request",
		"GET /count HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Host: forged\r\nConnection: close\r\n\r\n": `forwarded=["a.example"]`,
	} {
		if got := ask(t, addr, request); !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q in it", request, got, want)
		}
	}
}

// What was not sent is tried again, at other replicas and, after a second without an answer, at the same one.
func TestNginxTriesAgainWhereNothingWasSent(t *testing.T) {
	const request = "GET /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	tests := []struct {
		name      string
		upstreams []string
		want      string
	}{
		{"three refuse", []string{tiertest.FreeAddr(t), tiertest.FreeAddr(t), tiertest.FreeAddr(t), webTier(t)}, "200 OK"},
		{"three are deaf", []string{deafTier(t), deafTier(t), deafTier(t), webTier(t)}, "200 OK"},
		{"both", []string{deafTier(t), tiertest.FreeAddr(t), webTier(t)}, "200 OK"},
		{"all refuse", []string{tiertest.FreeAddr(t)}, "Bad Gateway\n"},
		{"all are deaf", []string{deafTier(t)}, "Gateway Timeout\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			addr := startNginxIn(t, dir, tt.upstreams...)
			for i := range 3 {
				if i == 2 { // and while connections are being closed
					closeConnections(t, dir)
				}
				begin := time.Now()
				if got := ask(t, addr, request); !strings.Contains(got, tt.want) {
					t.Errorf("got %q, want %q in it", got, tt.want)
				}
				if took := time.Since(begin); took > 15*time.Second {
					t.Errorf("it took %s", took)
				}
			}
		})
	}
}

// A request that was sent is never sent again: it may have been counted.
func TestNginxSendsARequestOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	requests := make(chan int, 1)
	go func() { // ends with the listener
		n := 0
		for {
			conn, err := listener.Accept()
			if err != nil {
				requests <- n
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_ = conn.Close()
			n++
		}
	}()
	dir := t.TempDir()
	addr := startNginxIn(t, dir, listener.Addr().String())
	const asked = 2 // the second while connections are being closed
	for range asked {
		if got := ask(t, addr, "GET /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.Contains(got, "502 Bad Gateway") {
			t.Errorf("got %q", got)
		}
		closeConnections(t, dir)
	}
	_ = listener.Close()
	if n := <-requests; n != asked {
		t.Errorf("%d requests were sent %d times", asked, n)
	}
}

// closeConnections makes nginx, which has its files in dir, close the connection with each answer, as before a reload.
func closeConnections(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "leaving"), nil, 0o555); err != nil && !os.IsPermission(err) { // it is there
		t.Fatal(err)
	}
}

// As long as the file is executable, each answer closes its connection, and is the same otherwise: also that of the second
// web tier, which is asked because the first is not there.
func TestNginxClosesConnectionsBeforeAReload(t *testing.T) {
	dir := t.TempDir()
	addr := startNginxIn(t, dir, tiertest.FreeAddr(t), webTier(t))
	sign := filepath.Join(dir, "leaving")
	for _, mode := range []os.FileMode{0, 0o444, 0o555, 0o444} {
		if mode != 0 {
			_ = os.Remove(sign)
			if err := os.WriteFile(sign, nil, mode); err != nil {
				t.Fatal(err)
			}
		}
		for range 4 {
			resp, err := http.Post("http://"+addr+"/a?b=c", "text/plain", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK || !strings.HasSuffix(string(body), " POST /a?b=c body") || resp.Close != (mode == 0o555) {
				t.Errorf("mode %o: %s, close %t, %q, %v", mode, resp.Status, resp.Close, body, err)
			}
		}
	}
}

// With the config of its version, a request that is sent while nginx reloads is answered, whatever nginx it is: a client whose
// connection was not closed with the last answer can use it once more.
func TestNginxKeepsConnectionsOverAReload(t *testing.T) {
	dir := t.TempDir()
	addr, master := startNginxAs(t, dir, tiertest.NginxVersion(t), webTier(t))
	closeConnections(t, dir) // stackctl does that for each version that heeds it
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	answers := bufio.NewReader(conn)
	get := func() *http.Response {
		if _, err := io.WriteString(conn, "GET /count HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v", resp.Status, err)
		}
		_ = resp.Body.Close()
		return resp
	}
	closed := get().Close
	if err := master.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if !closed {
		tiertest.WaitFor(t, "the worker that leaves to close the connection with an answer", func() bool { return get().Close })
	}
}
