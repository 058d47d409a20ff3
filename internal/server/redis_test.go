package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// isUnavailable checks what a visitor gets while Redis is away.
func isUnavailable(t *testing.T, a answer) {
	t.Helper()
	if a.status != 503 || a.header.Get("Retry-After") != "1" ||
		a.body != "The visit counter is not available. Please try again in a moment." {
		t.Errorf("got %d, Retry-After %q, %q", a.status, a.header.Get("Retry-After"), a.body)
	}
}

func TestRedisGoesAndComesBack(t *testing.T) {
	m := startRedis(t)
	s := startSite(t, configFor(t, m.Addr()), nil)
	for range 5 {
		s.get("/count")
	}
	m.Close()
	for range 5 {
		isUnavailable(t, s.get("/count"))
	}
	if a := s.get("/readyz"); a.status != 503 || a.body != "not ready: redis: connection refused" {
		t.Errorf("readyz: %d %q", a.status, a.body)
	}
	if a := s.get("/healthz"); a.status != 200 {
		t.Errorf("healthz: %d", a.status)
	}
	if err := m.Restart(); err != nil {
		t.Fatal(err)
	}
	if a := s.get("/count"); a.body != "This page has been visited 6 times." {
		t.Errorf("first after the outage: %d %q", a.status, a.body)
	}
	for _, msg := range []string{"redis answers", "redis is away", "redis is back"} {
		if lines := s.log.lines(t, msg); len(lines) != 1 {
			t.Errorf("%q is logged %d times: %v", msg, len(lines), lines)
		}
	}
	away := s.log.lines(t, "redis is away")[0]
	if away["level"] != "WARN" || away["redis"] != m.Addr() {
		t.Errorf("log: %v", away)
	}
}

// After PoolSize failed dials the client by itself stops dialing and looks once a second only.
func TestRecoveryIsImmediateAfterManyFailures(t *testing.T) {
	addr := freeAddr(t)
	s := startSite(t, configFor(t, addr, "REDIS_POOL_SIZE", "2"), nil)
	for range 20 {
		isUnavailable(t, s.get("/count"))
	}
	m := miniredis.NewMiniRedis()
	if err := m.StartAddr(addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	start := time.Now()
	a := s.get("/count")
	if a.body != "This page has been visited 1 times." {
		t.Errorf("got %d %q", a.status, a.body)
	}
	if took := time.Since(start); took > 500*time.Millisecond {
		t.Errorf("took %s", took)
	}
}

// A dial that fails after its request has given up leaves its dead connection in the pool.
// The next request must not get it.
func TestDeadConnectionsAreNotReused(t *testing.T) {
	m := startRedis(t)
	cfg := configFor(t, m.Addr())
	dialing, release := make(chan struct{}), make(chan struct{})
	var dials atomic.Int64
	client := redis.NewClient(redisOptions(cfg, func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) == 1 {
			close(dialing)
			<-release
			return deadConn{errors.New("refused")}, nil
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}))
	defer client.Close()

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-dialing
		cancel()
	}()
	if err := client.Incr(ctx, visitsKey).Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	waitFor(t, "the dead connection in the pool", func() bool { return client.PoolStats().IdleConns == 1 })
	if n, err := client.Incr(t.Context(), visitsKey).Result(); n != 1 || err != nil {
		t.Errorf("got %d %v", n, err)
	}
}

func TestRedisNameUnknown(t *testing.T) {
	cfg := configFor(t, "redis.invalid:6379", "COUNT_TIMEOUT", "500ms")
	s := startSite(t, cfg, nil)
	start := time.Now()
	isUnavailable(t, s.get("/count"))
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s", took)
	}
}

// The first connection is accepted, and then nothing.
func TestRedisHangs(t *testing.T) {
	addr := fakeRedis(t, func([]string) (string, error) { return "", nil })
	s := startSite(t, configFor(t, addr, "COUNT_TIMEOUT", "200ms", "REDIS_POOL_SIZE", "2"), nil)
	var wg sync.WaitGroup
	start := time.Now()
	for range 6 { // three times the connections: those who wait for one have the same deadline
		wg.Go(func() {
			a, err := s.do(http.MethodGet, "/count")
			if err != nil {
				t.Error(err)
				return
			}
			isUnavailable(t, a)
		})
	}
	wg.Wait()
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s", took)
	}
	if a := s.get("/readyz"); a.status != 503 || a.body != "not ready: redis: no answer in time" {
		t.Errorf("readyz: %d %q", a.status, a.body)
	}
}

// Whatever happens to the reply, the increment is sent once.
func TestIncrementIsNeverRepeated(t *testing.T) {
	for name, last := range map[string]func() (string, error){
		"no reply":        func() (string, error) { return "", nil },
		"connection lost": func() (string, error) { return "", errHangUp },
		"loading":         func() (string, error) { return "-LOADING Redis is loading the dataset in memory\r\n", nil },
		"read only":       func() (string, error) { return "-READONLY You can't write against a read only replica.\r\n", nil },
		"half a reply":    func() (string, error) { return ":12", nil },
	} {
		t.Run(name, func(t *testing.T) {
			var increments atomic.Int64
			addr := fakeRedis(t, func(cmd []string) (string, error) {
				if cmd[0] != "INCR" {
					return "-ERR unknown command\r\n", nil
				}
				increments.Add(1)
				return last()
			})
			s := startSite(t, configFor(t, addr, "COUNT_TIMEOUT", "200ms"), nil)
			isUnavailable(t, s.get("/count"))
			if n := increments.Load(); n != 1 {
				t.Errorf("%d increments", n)
			}
		})
	}
}

// A reply that comes after the deadline belongs to nobody: the next visitor must not get it.
func TestLateReplyIsNotTheNextOnes(t *testing.T) {
	var n atomic.Int64
	release := make(chan struct{})
	addr := fakeRedis(t, func(cmd []string) (string, error) {
		if cmd[0] != "INCR" {
			return "-ERR unknown command\r\n", nil
		}
		if n.Add(1) == 1 {
			<-release
			return ":1\r\n", nil
		}
		return ":2\r\n", nil
	})
	s := startSite(t, configFor(t, addr, "COUNT_TIMEOUT", "200ms", "REDIS_POOL_SIZE", "1"), nil)
	isUnavailable(t, s.get("/count"))
	close(release)
	if a := s.get("/count"); a.body != "This page has been visited 2 times." {
		t.Errorf("got %d %q", a.status, a.body)
	}
}

// New connections are one round trip from their first increment.
func TestHandshakeIsShort(t *testing.T) {
	var mu sync.Mutex
	var commands []string
	addr := fakeRedis(t, func(cmd []string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		commands = append(commands, cmd[0])
		if cmd[0] == "INCR" {
			return ":7\r\n", nil
		}
		return "-ERR unknown command\r\n", nil
	})
	s := startSite(t, configFor(t, addr), nil)
	if a := s.get("/count"); a.body != "This page has been visited 7 times." {
		t.Errorf("got %d %q", a.status, a.body)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(commands, " "); got != "HELLO INCR" {
		t.Errorf("sent %s", got)
	}
}
