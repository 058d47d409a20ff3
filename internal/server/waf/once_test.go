package waf

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/server/visits/visitstest"
)

// forgetful is a backend that counts every request, and closes the connection without an answer after every second one, as one does
// that dies after it has counted.
type forgetful struct {
	ln    net.Listener
	seen  atomic.Int64
	byKey sync.Map // seen, by X-Sent
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
}

func startForgetful(t testing.TB) *forgetful {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forgetful{ln: ln}
	f.wg.Go(f.accept)
	t.Cleanup(func() {
		ln.Close()
		f.mu.Lock()
		for _, c := range f.conns {
			c.Close()
		}
		f.mu.Unlock()
		f.wg.Wait()
	})
	return f
}

func (f *forgetful) accept() {
	for {
		conn, err := f.ln.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.conns = append(f.conns, conn)
		f.mu.Unlock()
		f.wg.Go(func() { f.serve(conn) })
	}
}

func (f *forgetful) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		n := f.seen.Add(1)
		times, _ := f.byKey.LoadOrStore(req.Header.Get("X-Sent"), new(atomic.Int64))
		times.(*atomic.Int64).Add(1)
		if n%2 == 0 {
			return
		}
		body := strconv.FormatInt(n, 10)
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", len(body))
		if req.Method != http.MethodHead {
			fmt.Fprint(conn, body)
		}
	}
}

// TestSentAtMostOnce: whatever becomes of the response, the backend sees a request once. The backend of this test is the one that
// saw 1,999 of 1,000 requests through an httputil.ReverseProxy.
func TestSentAtMostOnce(t *testing.T) {
	for _, tt := range []struct{ method, body, key string }{
		{http.MethodGet, "", ""},
		{http.MethodHead, "", ""},
		{http.MethodOptions, "", ""},
		{http.MethodPost, "a=b", ""},
		{http.MethodPost, "", ""},
		{http.MethodPost, "", "Idempotency-Key"},
		{http.MethodGet, "", "X-Idempotency-Key"},
		{http.MethodDelete, "", ""},
	} {
		t.Run(strings.TrimSpace(tt.method+" "+tt.body+tt.key), func(t *testing.T) {
			backend := startForgetful(t)
			s := startBefore(t, backend.ln.Addr().String())
			const sent = 60
			lost := 0
			for i := range sent {
				header := []string{"X-Sent", strconv.Itoa(i), "Accept", "*/*", "User-Agent", "curl/8.5.0"}
				if tt.body != "" {
					header = append(header, "Content-Type", "application/x-www-form-urlencoded")
				}
				if tt.key != "" {
					header = append(header, tt.key, "k")
				}
				switch a := s.request(tt.method, "/count", tt.body, header...); a.Status {
				case http.StatusOK:
				case http.StatusBadGateway:
					lost++
				default:
					t.Fatalf("request %d got %d: %s", i, a.Status, a.Body)
				}
			}
			if seen := backend.seen.Load(); seen != sent {
				t.Errorf("%d requests were sent, the backend saw %d", sent, seen)
			}
			backend.byKey.Range(func(key, times any) bool {
				if n := times.(*atomic.Int64).Load(); n != 1 {
					t.Errorf("request %s was seen %d times", key, n)
				}
				return true
			})
			if lost < sent/4 {
				t.Errorf("only %d of %d responses were lost: the test shows nothing", lost, sent)
			}
		})
	}
}

// TestUnsentIsSentAgain: where no connection can be made, nothing was sent, so that it is tried again, at an address that was asked for anew.
func TestUnsentIsSentAgain(t *testing.T) {
	var seen, asked atomic.Int64
	s := startSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		content, _ := io.ReadAll(r.Body)
		_, _ = w.Write(content)
	}))
	// The upstream is found at each second question only; nobody listens at the other address.
	r := newRoute(s.server.cfg.Upstream)
	r.lookup = func(context.Context, string) ([]string, error) {
		if asked.Add(1)%2 == 1 {
			return []string{"127.0.0.9"}, nil
		}
		return []string{"127.0.0.1"}, nil
	}
	s.server.upstream.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		r.known.Store(nil)
		return r.dial(ctx)
	}
	header := []string{"User-Agent", "curl/8.5.0", "Accept", "*/*", "Content-Type", "application/x-www-form-urlencoded"}
	for i := range 10 {
		method, body := http.MethodPost, "a="+strconv.Itoa(i)
		if i%2 == 1 {
			method, body = http.MethodGet, ""
		}
		if a := s.request(method, "/", body, header...); a.Status != http.StatusOK || a.Body != body {
			t.Fatalf("request %d got %d %q", i, a.Status, a.Body)
		}
	}
	if seen.Load() != 10 || asked.Load() != 20 {
		t.Errorf("10 requests were sent, %d seen; it was asked %d times where to", seen.Load(), asked.Load())
	}
}

// TestRouteRemembersWhereTo: a slow or failing resolver holds nobody up who can go where the last request went.
func TestRouteRemembersWhereTo(t *testing.T) {
	r := newRoute("nginx:5004")
	answers := make(chan error)
	r.lookup = func(ctx context.Context, _ string) ([]string, error) {
		select {
		case err := <-answers:
			return []string{"10.0.0.1", "10.0.0.2"}, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	first := make(chan error, 1)
	go func() { _, err := r.addresses(t.Context()); first <- err }()
	answers <- nil
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	r.known.Store(&answer{r.known.Load().addresses, time.Now()})
	go func() { _, err := r.addresses(t.Context()); first <- err }() // asks, and gets no answer yet
	for r.asking.TryLock() {
		r.asking.Unlock()
		time.Sleep(time.Millisecond)
	}
	if got, err := r.addresses(t.Context()); err != nil || len(got) != 2 {
		t.Errorf("while another one asks, the addresses are %v, %v", got, err)
	}
	answers <- net.UnknownNetworkError("x")
	if err := <-first; err != nil {
		t.Errorf("a failed question ends with %v", err)
	}
}

// TestExactThroughTheTier counts with many clients, while the backend loses answers, and checks what they saw.
func TestExactThroughTheTier(t *testing.T) {
	backend := startForgetful(t)
	s := startBefore(t, backend.ln.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	history := visitstest.Run(ctx, 8, visitstest.CounterFunc(func(ctx context.Context) (int64, error) {
		a, err := s.do(http.MethodGet, "/count", "", "User-Agent", "curl/8.5.0", "Accept", "*/*")
		if err == nil && a.Status != http.StatusOK {
			err = fmt.Errorf("status %d", a.Status)
		}
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(a.Body, 10, 64)
	}))
	if err := history.Check(backend.seen.Load(), 0); err != nil {
		t.Error(err)
	}
	if history.Acknowledged() < 20 || history.Unanswered() < 20 {
		t.Error("too little happened")
	}
	t.Log(history)
}
