package server

import (
	"bufio"
	"context"
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
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// configFor is the default configuration on a free loopback port, with redis at addr.
func configFor(t testing.TB, redisAddr string, pairs ...string) Config {
	t.Helper()
	host, port, err := net.SplitHostPort(redisAddr)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := ConfigFromEnv(tiertest.Env(append(pairs,
		"REDIS_HOST", host, "REDIS_PORT", port, "LISTEN_ADDR", "127.0.0.1:0", "METRICS_ADDR", "127.0.0.1:0")...))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// site is a server under test and a client for it.
type site struct {
	t      testing.TB
	server *Server
	log    *tiertest.Log
	client *http.Client
	stop   func() error // cancels, waits for Serve and returns its error; repeatable
}

// startSite serves cfg with the real store, or with b if it is not nil.
func startSite(t testing.TB, cfg Config, b backend) *site {
	t.Helper()
	s := &site{t: t, log: &tiertest.Log{}, client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}}
	if b == nil {
		var err error
		if s.server, err = New(cfg, s.log); err != nil {
			t.Fatal(err)
		}
		s.log.Flush = s.server.runner.Flush
	} else {
		s.server = serverWith(cfg, s.log, b)
	}
	if err := s.server.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.stop = tiertest.Serve(t, s.server.Serve)
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

func (s *site) do(method, path string, header ...string) (tiertest.Answer, error) {
	return tiertest.Ask(s.client, method, "http://"+s.server.Addr()+path, "", header...)
}

func (s *site) get(path string) tiertest.Answer {
	s.t.Helper()
	return s.request(http.MethodGet, path)
}

func (s *site) request(method, path string, header ...string) tiertest.Answer {
	s.t.Helper()
	a, err := s.do(method, path, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// serverWith is a server with a store of the test's own.
func serverWith(cfg Config, log io.Writer, b backend) *Server {
	s := newServer(cfg, tier.NewLogger(log, cfg.LogLevel))
	s.use(b)
	return s
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
