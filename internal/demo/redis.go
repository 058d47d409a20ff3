package demo

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// redisTier is a Redis in memory. What it holds outlives a stop, as the stack's volume does, but not the process.
type redisTier struct {
	clock func() time.Time
	log   io.Writer // its container's

	mu      sync.Mutex
	server  *miniredis.Miniredis
	address string // stays the same over restarts; "" before the first start
}

var _ tier = (*redisTier)(nil)

func newRedisTier(clock func() time.Time) *redisTier {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true)
	return &redisTier{clock: clock, server: server}
}

func (r *redisTier) start(life context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server.Ctx, r.server.CtxCancel = context.WithCancel(life) // the last close has ended the one before
	if err := r.server.Start(); err != nil {
		return fmt.Errorf("starting the Redis in memory: %w", err)
	}
	r.address = r.server.Addr()
	r.say("Ready to accept connections tcp; in this process, kept in memory alone")
	return nil
}

func (r *redisTier) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.say("User requested shutdown...")
	r.server.Close()
	r.say("Redis is now ready to exit, bye bye...")
}

// say writes a line as Redis does.
func (r *redisTier) say(text string) {
	fmt.Fprintf(r.log, "1:M %s * %s\n", r.clock().UTC().Format("02 Jan 2006 15:04:05.000"), text)
}

func (r *redisTier) addr() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.address
}
