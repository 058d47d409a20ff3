package demo

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"stackctl.dev/stackctl/internal/orchestrate/memory"
)

// redisTier is a Redis in memory. What it holds outlives its container, but not this process.
type redisTier struct {
	shares *shares

	mu     sync.Mutex
	server *miniredis.Miniredis
	port   int // stays the same over restarts; 0 before it is known
	log    io.Writer
	meter  *meter
}

var _ memory.Process = (*redisTier)(nil)

func newRedisTier() *redisTier {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true)
	return &redisTier{server: server}
}

// Start listens.
func (r *redisTier) Start(c memory.Container) error {
	port, err := r.address(context.Background())
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server.Ctx, r.server.CtxCancel = context.WithCancel(context.Background()) // the last Close has ended the one before
	if err := r.server.StartAddr(localAddress(port)); err != nil {
		return fmt.Errorf("starting the Redis in memory: %w", err)
	}
	r.log, r.meter = c.Out, r.shares.begin(Redis)
	r.say("Ready to accept connections tcp; in this process, kept in memory alone")
	return nil
}

// Stop ends it; what it holds stays.
func (r *redisTier) Stop(bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.say("User requested shutdown...")
	r.server.Close()
	r.shares.end(r.meter)
	r.say("Redis is now ready to exit, bye bye...")
}

// Reload does nothing: it reads no file.
func (r *redisTier) Reload(memory.Container) {}

// Usage is its share.
func (r *redisTier) Usage() memory.Usage { return r.shares.use(r.meter) }

// Dial connects to it.
func (r *redisTier) Dial(ctx context.Context, _ string) (net.Conn, error) {
	port, err := r.address(ctx)
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, "tcp", localAddress(port))
}

// say writes a line as Redis does.
func (r *redisTier) say(text string) {
	fmt.Fprintf(r.log, "1:M %s * %s\n", time.Now().UTC().Format("02 Jan 2006 15:04:05.000"), text)
}

// address is the port where it listens, or will: the tiers start side by side.
func (r *redisTier) address(ctx context.Context) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.port == 0 {
		port, err := freePort(ctx, 0)
		if err != nil {
			return 0, err
		}
		r.port = port
	}
	return r.port, nil
}
