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

// forgetful is a backend that counts every request, and closes the connection without an answer after every second one of a connection:
// as one does that dies after it has counted, on a connection that was used before.
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
	for i := 1; ; i++ {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		n := f.seen.Add(1)
		times, _ := f.byKey.LoadOrStore(req.Header.Get("X-Sent"), new(atomic.Int64))
		times.(*atomic.Int64).Add(1)
		if i%2 == 0 {
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

// dying is a connection that takes one write, and then none.
type dying struct {
	net.Conn
	writes atomic.Int64
}

func (d *dying) Write(p []byte) (int, error) {
	if d.writes.Add(1) > 1 {
		return 0, net.ErrClosed
	}
	return d.Conn.Write(p)
}

// TestUnsentIsSentAgain: nothing could be written to a kept connection, so that the request is sent on another one, with its body.
func TestUnsentIsSentAgain(t *testing.T) {
	var seen atomic.Int64
	s := startSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		content, _ := io.ReadAll(r.Body)
		_, _ = w.Write(content)
	}))
	transport, dials := s.server.upstream.transport, atomic.Int64{}
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		dials.Add(1)
		counted := conn.(*countedConn)
		counted.Conn = &dying{Conn: counted.Conn}
		return counted, nil
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
	if seen.Load() != 10 || dials.Load() != 10 {
		t.Errorf("10 requests were sent, %d seen, on %d connections", seen.Load(), dials.Load())
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
