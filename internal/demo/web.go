package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/server"
)

const (
	drainLimit  = 900 * time.Millisecond // as the web tier's own default
	graceLimit  = 2 * time.Second        // what requests under way get before they are cut
	answerLimit = 10 * time.Second       // nginx's proxy_read_timeout
	poolSize    = 8
	webPort     = "5002" // in the access log, as in the real stack
)

// replicas are the web tiers that were started, by the address that the access log has for them.
type replicas struct {
	mu sync.Mutex
	at map[string]*webTier
}

func (r *replicas) add(address string, w *webTier) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[string]*webTier{}
	}
	r.at[address] = w
}

// take reserves the replica at an address for one request; nil where none takes requests there. The caller ends with inFlight.Done.
func (r *replicas) take(address string) *webRun {
	r.mu.Lock()
	w := r.at[address]
	r.mu.Unlock()
	if w == nil {
		return nil
	}
	return w.take()
}

// webTier is one replica: the real web tier, on a port of its own.
type webTier struct {
	redis    *redisTier
	page     string
	replicas *replicas
	shares   *shares
	meter    *meter

	mu  sync.Mutex
	run *webRun // nil unless it takes requests
}

var _ memory.Process = (*webTier)(nil)

// webRun is a replica's life from a start to a stop.
type webRun struct {
	client   *http.Transport // to this replica alone
	inFlight sync.WaitGroup  // requests that the proxy has given it
	cancel   context.CancelFunc
	done     chan struct{}
}

// Start serves on a port of its own.
func (w *webTier) Start(c memory.Container) error {
	redis, err := w.redis.address(context.Background())
	if err != nil {
		return fmt.Errorf("starting a web tier: finding Redis: %w", err)
	}
	s, err := server.New(server.Config{
		RedisHost: "127.0.0.1", RedisPort: redis, ListenAddr: "127.0.0.1:0", LogLevel: slog.LevelInfo,
		CountTimeout: 5 * time.Second, ShutdownTimeout: drainLimit, RedisPoolSize: poolSize, Page: w.page,
	}, c.Out)
	if err != nil {
		return fmt.Errorf("starting a web tier: %w", err)
	}
	if err := s.Listen(context.Background()); err != nil {
		return err
	}
	w.meter = w.shares.begin(Web)
	ctx, cancel := context.WithCancel(context.Background())
	run := &webRun{client: w.transport(s.Addr()), cancel: cancel, done: make(chan struct{})}
	go func() { // ends with cancel; Stop waits for it
		defer close(run.done)
		_ = s.Serve(ctx) // that requests had to be cut is in nginx's log
	}()
	w.mu.Lock()
	w.run = run
	w.mu.Unlock()
	for _, address := range c.Addresses {
		w.replicas.add(net.JoinHostPort(address.String(), webPort), w)
	}
	return nil
}

func (w *webTier) transport(address string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			return countedConn{conn, &w.meter.sent, &w.meter.received}, nil
		},
		MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: answerLimit, DisableCompression: true,
	}
}

func (w *webTier) take() *webRun {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.run == nil {
		return nil
	}
	w.run.inFlight.Add(1)
	w.meter.requests.Add(1)
	return w.run
}

// Reload does nothing: it reads no file.
func (w *webTier) Reload(memory.Container) {}

// Usage is its share.
func (w *webTier) Usage() memory.Usage { return w.shares.use(w.meter) }

// Dial is for Redis: the web tier is asked through the proxy.
func (w *webTier) Dial(context.Context, string) (net.Conn, error) {
	return nil, errors.New("connecting to a web tier: ask the proxy")
}

// Stop takes the replica out of the proxy's hands first, so that no request fails.
func (w *webTier) Stop(bool) {
	w.mu.Lock()
	run := w.run
	w.run = nil
	w.mu.Unlock()
	if run == nil {
		return
	}
	defer w.shares.end(w.meter)
	idle := make(chan struct{})
	go func() { // ends below: what is not answered in time is cut by the web tier
		defer close(idle)
		run.inFlight.Wait()
	}()
	timer := time.NewTimer(graceLimit)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
	run.client.CloseIdleConnections()
	run.cancel()
	<-run.done
	<-idle
	run.client.CloseIdleConnections()
}

// countedConn counts what passes.
type countedConn struct {
	net.Conn
	read, written *atomic.Uint64
}

func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(uint64(n))
	return n, err
}

func (c countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(uint64(n))
	return n, err
}
