package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/certificate"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(switching); dir != "" {
		switchForever(dir)
	}
	// Pebble reads them when it starts: no waiting for its own sake, every tenth request is refused for its nonce, and each order
	// asks for proof again.
	for name, value := range map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "10", "PEBBLE_AUTHZREUSE": "0"} {
		_ = os.Setenv(name, value)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.(*VAImpl).processTasks"), // it has no end
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"))
}

// configFor is a configuration with its folder in dir and free loopback ports.
func configFor(t testing.TB, dir string, pairs ...string) Config {
	t.Helper()
	set := map[string]string{"CERTS_DIR": dir, "LISTEN_ADDR": "127.0.0.1:0", "CHALLENGE_ADDR": "127.0.0.1:0", "LOG_LEVEL": "debug"}
	for i := 0; i < len(pairs); i += 2 {
		set[pairs[i]] = pairs[i+1]
	}
	cfg, err := ConfigFromEnv(func(name string) string { return set[name] })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// running is a certs tier that runs until stop or the test's end.
type running struct {
	*Server
	dir  string
	log  *tiertest.Log
	stop func()
}

func start(t testing.TB, cfg Config) *running {
	t.Helper()
	log := &tiertest.Log{}
	s, err := New(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	end := tiertest.Serve(t, s.Serve)
	stop := sync.OnceFunc(func() {
		if err := end(); err != nil {
			t.Errorf("it ended with %v", err)
		}
		if t.Failed() {
			t.Logf("it said:\n%s", log)
		}
	})
	t.Cleanup(stop)
	return &running{Server: s, dir: cfg.Dir, log: log, stop: stop}
}

// status reads what the tier wrote; it is empty if it did not yet.
func (r *running) status(t testing.TB) certificate.Status {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(r.dir, certificate.StatusFile))
	if os.IsNotExist(err) {
		return certificate.Status{}
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := certificate.ParseStatus(content)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// until waits for a status.
func (r *running) until(t testing.TB, what string, is func(certificate.Status) bool) certificate.Status {
	t.Helper()
	var s certificate.Status
	tiertest.WaitFor(t, what, func() bool { s = r.status(t); return is(s) })
	return s
}

// get requests a path of an address, and returns status and body.
func get(t testing.TB, addr, path string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	a, err := tiertest.Ask(&client, http.MethodGet, "http://"+addr+path, "")
	if err != nil {
		t.Fatal(err)
	}
	return a.Status, a.Body
}

// pairIn reads the pair in use as nginx does: it resolves the link first.
func pairIn(t testing.TB, dir string) tls.Certificate {
	t.Helper()
	folder, err := filepath.EvalSymlinks(filepath.Join(dir, currentLink))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, chainFile), filepath.Join(folder, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// trusts demands that a client that trusts the roots of a file, and knows no intermediate, accepts the pair in use for each name.
func trusts(t testing.TB, dir, roots string, names ...string) {
	t.Helper()
	pool := x509.NewCertPool()
	content, err := os.ReadFile(roots)
	if err != nil || !pool.AppendCertsFromPEM(content) {
		t.Fatalf("reading %s: %v", roots, err)
	}
	pair := pairIn(t, dir)
	for _, name := range names {
		server, client := net.Pipe()
		go func() {
			_ = tls.Server(server, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
			_ = server.Close()
		}()
		c := tls.Client(client, &tls.Config{RootCAs: pool, ServerName: name})
		if err := c.HandshakeContext(t.Context()); err != nil {
			t.Errorf("a client that trusts %s: %s: %v", filepath.Base(roots), name, err)
		}
		_ = client.Close()
	}
}

// write writes a file that may be there.
func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// newTestKeeper has a folder of its own and an issuer.
func newTestKeeper(t testing.TB, dir string, from issuer) (*keeper, *tiertest.Log) {
	t.Helper()
	log := &tiertest.Log{}
	f, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return newKeeper(configFor(t, dir, "CERTS_NAMES", "a.example"), f, from, slog.New(slog.NewJSONHandler(log, nil))), log
}

// keysOf are the lines of all private keys below a folder, as they stand in PEM, each long enough to be told from other text.
func keysOf(t testing.TB, dir string) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var order kept
		if json.Unmarshal(content, &order) == nil && order.Key != "" {
			content = []byte(order.Key)
		}
		for text := string(content); ; {
			_, rest, found := strings.Cut(text, "PRIVATE KEY-----")
			if !found {
				return nil
			}
			key, after, _ := strings.Cut(rest, "-----END")
			for line := range strings.Lines(key) {
				if line = strings.TrimSpace(line); len(line) >= 16 {
					lines = append(lines, line)
				}
			}
			_, text, _ = strings.Cut(after, "-----")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// tellsNoKey demands that nothing of any key of the folder stands in a text.
func tellsNoKey(t testing.TB, dir, what, text string) {
	t.Helper()
	keys := keysOf(t, dir)
	if len(keys) < 2 {
		t.Fatalf("%s has %d lines of keys, and should have some", dir, len(keys))
	}
	for _, line := range keys {
		for at := 0; at+16 <= len(line); at += 8 {
			if part := line[at : at+16]; strings.Contains(text, part) {
				t.Errorf("%s has a part of a private key: %s", what, fmt.Sprintf("%.6s…", part))
			}
		}
	}
}
