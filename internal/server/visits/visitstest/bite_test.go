package visitstest

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	runFor  = 2 * time.Second
	clients = 8
)

// incr counts by a plain INCR, and repeats it after a lost connection that many times; -1 is never.
func incr(t *testing.T, addr string, retries int) (Counter, *redis.Client) {
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: retries, DialTimeout: time.Second})
	t.Cleanup(func() { _ = client.Close() })
	return CounterFunc(func(ctx context.Context) (int64, error) { return client.Incr(ctx, "visits").Result() }), client
}

// runDisturbed runs the counter while the acts happen, and returns the history and how many acts there were.
func runDisturbed(t *testing.T, c Counter, every time.Duration, acts ...func()) (*History, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runFor)
	defer cancel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var done sync.WaitGroup
	var n int
	done.Go(func() { n = Disturb(ctx, rand.New(rand.NewPCG(seed, 0)), every, acts...) })
	h := Run(ctx, clients, c)
	done.Wait()
	return h, n
}

// final reads the counter directly, when everything is up.
func final(t *testing.T, r *Redis) int64 {
	t.Helper()
	r.Restart()
	_, client := incr(t, r.Addr(), 3)
	n, err := client.Get(t.Context(), "visits").Int64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBitesRepeatedINCR: an INCR repeated after its reply was lost counts twice.
func TestBitesRepeatedINCR(t *testing.T) {
	r := StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	p := proxy(t, r)
	c, _ := incr(t, p.Addr(), 3)
	h, lost := runDisturbed(t, c, 50*time.Millisecond, p.LoseReply)
	err := h.Check(final(t, r), 0)
	if lost == 0 || err == nil || !strings.Contains(err.Error(), "counted and asked for by nobody") {
		t.Errorf("%d replies were lost, and the check says: %v", lost, err)
	}
	t.Log(err)
}

// TestBitesRedisWithoutAOF: a Redis that saves nothing forgets visits that were acknowledged.
func TestBitesRedisWithoutAOF(t *testing.T) {
	r := StartRedis(t, "--appendonly", "no")
	c, _ := incr(t, r.Addr(), -1)
	h, kills := runDisturbed(t, c, 500*time.Millisecond, r.Restart)
	_, client := incr(t, r.Addr(), 3)
	n, _ := client.Get(t.Context(), "visits").Int64() // there may be none left
	err := h.Check(n, 0)
	if kills == 0 || err == nil || !strings.Contains(err.Error(), "given twice") {
		t.Errorf("Redis was killed %d times, and the check says: %v", kills, err)
	}
	t.Log(err)
}

// TestAcceptsSingleINCR is the control: one INCR without repetition is exact, as long as a lost reply counts as unknown.
func TestAcceptsSingleINCR(t *testing.T) {
	r := StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	p := proxy(t, r)
	c, _ := incr(t, p.Addr(), -1)
	h, n := runDisturbed(t, c, 100*time.Millisecond, p.LoseReply, p.Cut, func() { r.Kill(); r.Restart() })
	if err := h.Check(final(t, r), 0); err != nil {
		t.Error(err)
	}
	if n == 0 || h.Unanswered() == 0 || h.Acknowledged() == 0 {
		t.Errorf("the run shows nothing: %d disturbances, %s", n, h)
	}
	t.Log(h)
}

// TestAcceptsMemory is the control without any store, with resets in the middle.
func TestAcceptsMemory(t *testing.T) {
	var mu sync.Mutex
	var n int64
	c := CounterFunc(func(context.Context) (int64, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		return n, nil
	})
	type span struct {
		start, end time.Time
		removed    int64
	}
	var resets []span
	reset := func() {
		start := time.Now()
		mu.Lock()
		removed := n
		n = 0
		mu.Unlock()
		resets = append(resets, span{start, time.Now(), removed})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var done sync.WaitGroup
	done.Go(func() { Disturb(ctx, rand.New(rand.NewPCG(1, 2)), 40*time.Millisecond, reset) })
	h := Run(ctx, clients, c)
	done.Wait()
	for _, r := range resets {
		h.Reset(r.start, r.end, r.removed)
	}
	if err := h.Check(n, 0); err != nil {
		t.Error(err)
	}
	t.Log(h)
}

func proxy(t *testing.T, r *Redis) *Proxy {
	t.Helper()
	p, err := NewProxy(r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}
