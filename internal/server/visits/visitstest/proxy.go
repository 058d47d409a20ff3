package visitstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy forwards TCP connections to a server, and breaks them on demand. It must be closed.
type Proxy struct {
	target   string
	listener net.Listener
	lose     atomic.Int64
	all      sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	closed   bool
}

// NewProxy listens on a free port of 127.0.0.1 and forwards connections to the target, a host:port.
func NewProxy(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // listening on this machine does not wait
	if err != nil {
		return nil, fmt.Errorf("listening for proxy of %q: %w", target, err)
	}
	p := &Proxy{target: target, listener: listener, conns: map[net.Conn]struct{}{}}
	p.all.Go(p.accept)
	return p, nil
}

// Addr returns the host:port to connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut breaks all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// LoseReply breaks the next connection on which the server replies, instead of forwarding the reply: the server has handled the request,
// but the client cannot know. Each call loses one reply.
func (p *Proxy) LoseReply() { p.lose.Add(1) }

// Close breaks all connections and waits for the proxy's goroutines.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.Cut()
	p.all.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.all.Go(func() { p.serve(near) })
		}
	}
}

func (p *Proxy) serve(near net.Conn) {
	defer near.Close()
	far, err := (&net.Dialer{Timeout: time.Second}).Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer far.Close()
	if !p.keep(near, far) {
		return
	}
	defer p.forget(near, far)
	p.all.Go(func() {
		_, _ = io.Copy(far, near)
		_, _ = near.Close(), far.Close()
	})
	p.passReplies(near, far)
}

func (p *Proxy) passReplies(near, far net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := far.Read(buffer)
		if n > 0 && p.loses() {
			return
		}
		if n > 0 {
			if _, err := near.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// loses reports whether to lose a reply, and uses up one LoseReply.
func (p *Proxy) loses() bool {
	for {
		n := p.lose.Load()
		if n == 0 {
			return false
		}
		if p.lose.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = struct{}{}
	}
	return !p.closed
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// Disturb calls one of the acts, chosen at random, after each pause of half to one and a half times every, until ctx ends. It returns
// the number of calls.
func Disturb(ctx context.Context, random *rand.Rand, every time.Duration, acts ...func()) int {
	for n := 0; ; n++ {
		wait(ctx, every/2+time.Duration(random.Int64N(int64(every))))
		if ctx.Err() != nil {
			return n
		}
		acts[random.IntN(len(acts))]()
	}
}
