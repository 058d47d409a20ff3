package visits

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/internal/fault"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
	"stackctl.dev/stackctl/internal/server/visits/visitstest"
)

func openStore(t testing.TB, addr string) *Store {
	t.Helper()
	s := Open(Options{Addr: addr, Timeout: 10 * time.Second, PoolSize: 4}, slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry())
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// onBoth runs a test on a real Redis and on the one that runs in the test and in `stackctl demo`.
func onBoth(t *testing.T, test func(t *testing.T, s *Store, raw *redis.Client)) {
	run := func(name string, start func(t *testing.T) string) {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, start(t))
			raw := redis.NewClient(&redis.Options{Addr: s.client.Options().Addr})
			t.Cleanup(func() { _ = raw.Close() })
			test(t, s, raw)
		})
	}
	run("redis", func(t *testing.T) string { return visitstest.StartRedis(t).Addr() })
	run("miniredis", func(t *testing.T) string { return miniredis.RunT(t).Addr() })
}

func TestLedger(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store, raw *redis.Client) {
		ctx := t.Context()
		a, err := s.register(ctx)
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.register(ctx)
		if err != nil || a == b {
			t.Fatalf("%q %q %v", a, b, err)
		}
		for _, step := range []struct {
			name  string
			batch batch
			last  int64
			err   error
		}{
			{"first", batch{a, 1, 3}, 3, nil},
			{"again", batch{a, 1, 3}, 3, nil},
			{"another process", batch{b, 1, 2}, 5, nil},
			{"again, though others counted since", batch{a, 1, 3}, 3, nil},
			{"next", batch{a, 2, 1}, 6, nil},
			{"late", batch{a, 1, 3}, 0, errForgotten},
			{"numbers may be left out", batch{a, 9, 1}, 7, nil},
			{"numbers are not text", batch{a, 10, 1}, 8, nil},
			{"unknown", batch{"nobody", 1, 1}, 0, errForgotten},
		} {
			if last, err := s.book(ctx, step.batch); last != step.last || !errors.Is(err, step.err) {
				t.Errorf("%s: got %d %v, want %d %v", step.name, last, err, step.last, step.err)
			}
		}
		if n := raw.Get(ctx, Key).Val(); n != "8" {
			t.Errorf("counter %q", n)
		}
		if keys := raw.Keys(ctx, "*").Val(); len(keys) != 2 {
			t.Errorf("keys %q", keys)
		}
		if ttl := raw.TTL(ctx, batchesKey).Val(); ttl <= 0 || ttl > batchesTTL {
			t.Errorf("expires in %s", ttl)
		}
	})
}

// Registering again does not put off the hour, so that names of processes that are gone do not pile up.
func TestTheHashExpires(t *testing.T) {
	m := miniredis.RunT(t)
	s := openStore(t, m.Addr())
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.FastForward(batchesTTL / 2)
	if _, err := s.register(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.FastForward(batchesTTL/2 + time.Second)
	if m.Exists(batchesKey) {
		t.Errorf("%s is still there", batchesKey)
	}
	if n, err := s.Next(t.Context()); n != 2 || err != nil {
		t.Errorf("got %d %v", n, err)
	}
}

func TestNumbersAreExact(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store, raw *redis.Client) {
		const big = 1<<53 + 1 // which a Lua number cannot hold
		raw.Set(t.Context(), Key, big, 0)
		if n, err := s.Next(t.Context()); n != big+1 || err != nil {
			t.Errorf("got %d %v", n, err)
		}
		if n, err := s.Visits(t.Context()); n != big+1 || err != nil {
			t.Errorf("read %d %v", n, err)
		}
		raw.Set(t.Context(), Key, -5, 0)
		if n, err := s.Next(t.Context()); n != -4 || err != nil {
			t.Errorf("got %d %v", n, err)
		}
	})
}

func TestNotANumber(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store, raw *redis.Client) {
		real := strings.HasSuffix(t.Name(), "/redis")
		for name, set := range map[string]func(){
			"text":     func() { raw.Set(t.Context(), Key, "many", 0) },
			"list":     func() { raw.RPush(t.Context(), Key, "1") },
			"overflow": func() { raw.Set(t.Context(), Key, strconv.Itoa(math.MaxInt64), 0) },
		} {
			if name == "overflow" && !real {
				continue // miniredis wraps around
			}
			raw.Del(t.Context(), Key)
			set()
			want := fault.NotANumber
			if name == "overflow" {
				want = fault.Full
			}
			if n, err := s.Next(t.Context()); fault.Of(err) != want {
				t.Errorf("%s: got %d %v", name, n, err)
			}
		}
		raw.Del(t.Context(), Key)
		if n, err := s.Next(t.Context()); n != 1 || err != nil {
			t.Errorf("after a reset: %d %v", n, err)
		}
	})
}

// Whatever an operator deletes, the counter goes on.
func TestDeletedKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store, raw *redis.Client) {
		ctx := t.Context()
		next := func(want int64) {
			t.Helper()
			if n, err := s.Next(ctx); n != want || err != nil {
				t.Errorf("got %d %v, want %d", n, err, want)
			}
		}
		next(1)
		next(2)
		raw.Del(ctx, Key)
		next(1)
		raw.Del(ctx, batchesKey)
		next(2)
		raw.FlushAll(ctx)
		next(1)
		raw.ScriptFlush(ctx)
		next(2)
	})
}

// Visits are counted regardless of what somebody does to the hash of batches in Redis.
func TestHarmedBatches(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store, raw *redis.Client) {
		ctx := t.Context()
		if n, err := s.Next(ctx); n != 1 || err != nil {
			t.Fatalf("got %d %v", n, err)
		}
		all := func(value string) func() {
			return func() {
				for process := range raw.HGetAll(ctx, batchesKey).Val() {
					raw.HSet(ctx, batchesKey, process, value)
				}
			}
		}
		want := int64(2)
		for name, harm := range map[string]func(){
			"text":           func() { raw.Set(ctx, batchesKey, "x", 0) },
			"list":           func() { raw.Del(ctx, batchesKey); raw.RPush(ctx, batchesKey, "x") },
			"garbage":        all("garbage"),
			"empty":          all(""),
			"a late number":  all("99 5"),
			"a long counter": all("2 99999999999999999999"),
		} {
			harm()
			if n, err := s.Next(ctx); n != want || err != nil {
				t.Errorf("%s: got %d %v, want %d", name, n, err, want)
			}
			want++
		}
	})
}

// One table for all: on a Redis in each state, what the counter and the page's reading of it say, and that they agree.
func TestFaultsOfARealRedis(t *testing.T) {
	const full = "9223372036854775807"
	for _, tt := range []struct {
		want      *fault.Fault
		harm, fix [][]any
	}{
		{fault.NotANumber, [][]any{{"SET", Key, "abc"}}, [][]any{{"DEL", Key}}},
		{fault.NotANumber, [][]any{{"SET", Key, "007"}}, [][]any{{"DEL", Key}}},
		{fault.NotANumber, [][]any{{"RPUSH", Key, "1"}}, [][]any{{"DEL", Key}}},
		{fault.Full, [][]any{{"SET", Key, full}}, [][]any{{"DEL", Key}}},
		{fault.ReadOnly, [][]any{{"REPLICAOF", "127.0.0.1", "1"}}, [][]any{{"REPLICAOF", "NO", "ONE"}}},
		{fault.NoReplicas, [][]any{{"CONFIG", "SET", "min-replicas-to-write", "1"}}, [][]any{{"CONFIG", "SET", "min-replicas-to-write", "0"}}},
		{fault.NoMemory, [][]any{{"CONFIG", "SET", "maxmemory", "1"}}, [][]any{{"CONFIG", "SET", "maxmemory", "128mb"}}},
	} {
		t.Run(tt.want.Name, func(t *testing.T) {
			t.Parallel()
			r := visitstest.StartRedis(t)
			var log bytes.Buffer
			s := Open(Options{Addr: r.Addr(), Timeout: time.Second, PoolSize: 4}, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry())
			raw := redis.NewClient(&redis.Options{Addr: r.Addr()})
			defer raw.Close()
			do := func(commands [][]any) {
				for _, c := range commands {
					if err := raw.Do(t.Context(), c...).Err(); err != nil {
						t.Fatalf("%v: %v", c, err)
					}
				}
			}
			do(tt.harm)
			if n, err := s.Next(t.Context()); err == nil || tt.want.Lasts && fault.Of(err) != tt.want {
				t.Errorf("counted %d, %v", n, err)
			}
			_, err := s.Visits(t.Context())
			if fault.Of(err) != tt.want {
				t.Errorf("read: %v", err)
			}
			do(tt.fix)
			if n, err := s.Next(t.Context()); n != 1 || err != nil {
				t.Errorf("after %v: %d %v", tt.fix, n, err)
			}
			if n, err := s.Visits(t.Context()); n != 1 || err != nil {
				t.Errorf("after %v: read %d %v", tt.fix, n, err)
			}
			if keys := raw.Exists(t.Context(), probeKey).Val(); keys != 0 {
				t.Errorf("%s is there", probeKey)
			}
			_ = s.Close()
			for _, words := range []string{tt.want.State, tt.want.Fix, "redis counts again"} {
				if !strings.Contains(log.String(), words) {
					t.Errorf("no %q in the log:\n%s", words, log.String())
				}
			}
			if strings.Contains(log.String(), "redis is away") {
				t.Errorf("a Redis that answers is logged as away:\n%s", log.String())
			}
		})
	}
}

func TestVisitsOfAnEmptyRedis(t *testing.T) {
	s := openStore(t, miniredis.RunT(t).Addr())
	if n, err := s.Visits(t.Context()); n != 0 || err != nil {
		t.Errorf("got %d %v", n, err)
	}
}

// A dial that fails after its request has given up leaves its dead connection in the pool.
// The next request must not get it.
func TestDeadConnectionsAreNotReused(t *testing.T) {
	m := miniredis.RunT(t)
	dialing, release := make(chan struct{}), make(chan struct{})
	first := true
	client := redis.NewClient(redisOptions(Options{Addr: m.Addr(), PoolSize: 1}, func(ctx context.Context, network, addr string) (net.Conn, error) {
		if first {
			first = false
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
	if err := client.Incr(ctx, Key).Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	tiertest.WaitFor(t, "the dead connection in the pool", func() bool { return client.PoolStats().IdleConns == 1 })
	if n, err := client.Incr(t.Context(), Key).Result(); n != 1 || err != nil {
		t.Errorf("got %d %v", n, err)
	}
}
