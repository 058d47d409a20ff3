package visits

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/server/visits/visitstest"
)

// disturb counts with 32 clients over two stores, as two replicas would, while acts happen, and checks what the clients saw.
func disturb(t *testing.T, addr, direct string, every time.Duration, acts ...func()) {
	t.Helper()
	stores := []*Store{openStore(t, addr), openStore(t, addr)}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	done := make(chan int)
	seed := rand.Uint64()
	go func() { done <- visitstest.Disturb(ctx, rand.New(rand.NewPCG(seed, 0)), every, acts...) }()
	history := visitstest.Run(ctx, 32, visitstest.CounterFunc(func(ctx context.Context) (int64, error) {
		return stores[rand.IntN(len(stores))].Next(ctx)
	}))
	times := <-done
	final, err := openStore(t, direct).Visits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := history.Check(final, 0); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	if times < 3 || history.Acknowledged() < 100 {
		t.Errorf("too little happened: %d disturbances", times)
	}
	if history.Unanswered() > 0 {
		t.Errorf("%d visits had no answer, though Redis came back in time", history.Unanswered())
	}
	t.Logf("%d disturbances: %s", times, history)
}

func TestExactWhileConnectionsBreak(t *testing.T) {
	r := visitstest.StartRedis(t)
	p, err := visitstest.NewProxy(r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	disturb(t, p.Addr(), r.Addr(), 20*time.Millisecond, p.Cut, p.LoseReply, p.LoseReply)
}

func TestExactWhileRedisIsKilled(t *testing.T) {
	r := visitstest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	disturb(t, r.Addr(), r.Addr(), 300*time.Millisecond, r.Restart)
}
