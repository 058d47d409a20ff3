package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/server/tier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// envOf is a getenv over pairs of name and value.
func envOf(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// configFor is the default configuration on a free loopback port, with redis at addr.
func configFor(t testing.TB, redisAddr string, pairs ...string) Config {
	t.Helper()
	host, port, err := net.SplitHostPort(redisAddr)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := ConfigFromEnv(envOf(append(pairs,
		"REDIS_HOST", host, "REDIS_PORT", port, "LISTEN_ADDR", "127.0.0.1:0", "METRICS_ADDR", "127.0.0.1:0")...))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// freeAddr is a loopback address on which nothing listens.
func freeAddr(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// site is a server under test and a client for it.
type site struct {
	t      testing.TB
	server *Server
	log    *logBuf
	client *http.Client
	cancel context.CancelFunc
	done   chan error
	stop   func() error // cancels, waits for Serve and returns its error; repeatable
}

// startSite serves cfg with the real store, or with b if it is not nil.
func startSite(t testing.TB, cfg Config, b backend) *site {
	t.Helper()
	s := &site{t: t, log: &logBuf{}, done: make(chan error, 1), client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}}
	if b == nil {
		var err error
		if s.server, err = New(cfg, s.log); err != nil {
			t.Fatal(err)
		}
		s.log.flush = s.server.flushLog
	} else {
		s.server = serverWith(cfg, s.log, b)
	}
	if err := s.server.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() { s.done <- s.server.Serve(ctx) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-s.done
	})
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		_ = s.stop() // tests of the drain look at its error themselves
	})
	return s
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(method, path string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+s.server.Addr()+path, nil)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

func (s *site) get(path string) answer {
	s.t.Helper()
	return s.request(http.MethodGet, path)
}

func (s *site) request(method, path string, header ...string) answer {
	s.t.Helper()
	a, err := s.do(method, path, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// waitFor polls until cond holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited 5s for %s", what)
		}
	}
}

// serverWith is a server with a store of the test's own.
func serverWith(cfg Config, log io.Writer, b backend) *Server {
	s := newServer(cfg, tier.NewLogger(log, cfg.LogLevel))
	s.use(b)
	return s
}

// logBuf is a log that can be read while it is written.
type logBuf struct {
	flush func() // of the server's own buffer, if any
	mu    sync.Mutex
	buf   bytes.Buffer
}

func (b *logBuf) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// lines is the log with the given message. It fails the test where a line is not JSON.
func (b *logBuf) lines(t testing.TB, msg string) []map[string]any {
	t.Helper()
	if b.flush != nil {
		b.flush()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(b.buf.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("log line is not JSON: %v\n%s", err, line)
		}
		if fields["msg"] == msg {
			found = append(found, fields)
		}
	}
	return found
}

// fakeStore is a backend with faults.
type fakeStore struct {
	next func(ctx context.Context) (int64, error)
	ping func(ctx context.Context) error
}

var _ backend = fakeStore{}

func (f fakeStore) Next(ctx context.Context) (int64, error) { return f.next(ctx) }
func (f fakeStore) Ping(ctx context.Context) error          { return f.ping(ctx) }
func (fakeStore) Close() error                              { return nil }

func startRedis(t testing.TB) *miniredis.Miniredis {
	t.Helper()
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// fakeRedis speaks just enough RESP to misbehave: reply gets each command and returns the raw
// reply, "" for none at all.
func fakeRedis(t testing.TB, reply func(cmd []string) (string, error)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wg.Go(func() { serveRESP(conn, reply) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

func serveRESP(conn net.Conn, reply func(cmd []string) (string, error)) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		cmd, err := readCommand(r)
		if err != nil {
			return
		}
		raw, err := reply(cmd)
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, raw); err != nil {
			return
		}
	}
}

// readCommand reads one RESP array of bulk strings.
func readCommand(r *bufio.Reader) ([]string, error) {
	count, err := readLength(r)
	if err != nil {
		return nil, err
	}
	cmd := make([]string, count)
	for i := range cmd {
		n, err := readLength(r)
		if err != nil {
			return nil, err
		}
		b := make([]byte, n+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		cmd[i] = strings.ToUpper(string(b[:n]))
	}
	return cmd, nil
}

func readLength(r *bufio.Reader) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
