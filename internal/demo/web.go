package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"stackctl.dev/stackctl/internal/server"
)

const (
	drainLimit  = 900 * time.Millisecond // as the web tier's own default
	graceLimit  = 2 * time.Second        // what requests under way get before they are cut
	answerLimit = 10 * time.Second       // nginx's proxy_read_timeout
	poolSize    = 8
)

// webTier is one replica: the real web tier, on a port of its own.
type webTier struct {
	redis    *redisTier
	log      io.Writer
	page     string
	upstream string // the host:port that the access log names; not where it listens
	meter    meter

	mu  sync.Mutex
	run *webRun // nil unless it takes requests
}

var _ tier = (*webTier)(nil)

// webRun is a replica's life from a start to a stop.
type webRun struct {
	client   *http.Transport // to this replica alone
	inFlight sync.WaitGroup  // requests that the proxy has given it
	cancel   context.CancelFunc
	done     chan struct{}
}

// meter counts the bytes of a tier's connections, from its own side, and the requests.
type meter struct{ received, sent, requests atomic.Uint64 }

func (w *webTier) start(life context.Context) error {
	host, port, err := net.SplitHostPort(w.redis.addr())
	if err != nil {
		return fmt.Errorf("starting a web tier: finding Redis: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("starting a web tier: reading the port of Redis: %w", err)
	}
	s, err := server.New(server.Config{
		RedisHost: host, RedisPort: number, ListenAddr: "127.0.0.1:0", LogLevel: slog.LevelInfo,
		CountTimeout: 5 * time.Second, ShutdownTimeout: drainLimit, RedisPoolSize: poolSize, Page: w.page,
	}, w.log)
	if err != nil {
		return fmt.Errorf("starting a web tier: %w", err)
	}
	if err := s.Listen(life); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(life)
	run := &webRun{client: w.transport(s.Addr()), cancel: cancel, done: make(chan struct{})}
	go func() { // ends with cancel; stop waits for it
		defer close(run.done)
		_ = s.Serve(ctx) // that requests had to be cut is in nginx's log
	}()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.run = run
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

// take reserves the replica for one request; nil when it takes none. The caller ends with inFlight.Done.
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

// stop takes the replica out of the proxy's hands first, so that no request fails.
func (w *webTier) stop() {
	w.mu.Lock()
	run := w.run
	w.run = nil
	w.mu.Unlock()
	if run == nil {
		return
	}
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
