package live

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// patienceOfTests is how long a test waits for what comes at once on an idle machine.
const patienceOfTests = 30 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeCount is a Reader that counts how often it is read.
type fakeCount struct {
	n     atomic.Int64
	reads atomic.Int64
	down  atomic.Bool
}

func (f *fakeCount) Visits(context.Context) (int64, error) {
	f.reads.Add(1)
	if f.down.Load() {
		return 0, errors.New("connection refused")
	}
	return f.n.Load(), nil
}

func pageSource(t testing.TB) string {
	t.Helper()
	page, err := os.ReadFile("../../../assets/page.html")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func newPage(t testing.TB, read Reader) *Page {
	t.Helper()
	p, err := New(read, pageSource(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs the poller until the test or bubble ends.
func run(t testing.TB, p *Page) {
	ctx, cancel := context.WithCancel(context.Background())
	var polling sync.WaitGroup
	polling.Go(func() { p.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		polling.Wait()
	})
}

// serve serves the page's two routes as the web tier does, on a listener or, where it is nil, a free port.
func serve(t testing.TB, p *Page, ln net.Listener) *httptest.Server {
	t.Helper()
	return serveWith(t, p, NewPast("", nil, slog.New(slog.DiscardHandler)), ln)
}

// serveWith serves a history, too.
func serveWith(t testing.TB, p *Page, past *Past, ln net.Listener) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.Index)
	mux.HandleFunc("GET /events", p.Events)
	mux.Handle("GET /history", past)
	srv := httptest.NewUnstartedServer(mux)
	if ln != nil {
		srv.Listener.Close()
		srv.Listener = ln
	}
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = time.Second, time.Second
	srv.Start()
	t.Cleanup(func() {
		p.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv
}

// news is an event as a client reads it.
type news struct {
	Status, Count, Summary string
	Rate                   *float64
	Sample                 int64
	Top                    float64
	History                *[]*float64
}

// next reads the next event that carries data.
func next(t testing.TB, lines *bufio.Scanner) news {
	t.Helper()
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var n news
			if err := json.Unmarshal([]byte(data), &n); err != nil {
				t.Fatalf("event %q: %v", data, err)
			}
			return n
		}
	}
	t.Fatalf("the stream ended: %v", lines.Err())
	return news{}
}

func watch(t testing.TB, url string) *bufio.Scanner {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	t.Cleanup(cancel)
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+"/events", nil)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" ||
		resp.Header.Get("X-Accel-Buffering") != "no" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, headers %v", resp.StatusCode, resp.Header)
	}
	return bufio.NewScanner(resp.Body)
}

func TestEventsFollowTheCount(t *testing.T) {
	count := &fakeCount{}
	count.n.Store(9007199254740993) // 2^53+1
	p := newPage(t, count)
	run(t, p)
	srv := serve(t, p, nil)
	lines := watch(t, srv.URL)
	first := next(t, lines)
	if first.History == nil {
		t.Fatalf("the first event has no history: %+v", first)
	}
	await := func(what string, ok func(news) bool) {
		t.Helper()
		for {
			if n := next(t, lines); ok(n) {
				return
			}
		}
	}
	if first.Count != "9007199254740993" {
		await("the count", func(n news) bool { return n.Count == "9007199254740993" })
	}
	count.n.Add(1)
	await("one more", func(n news) bool { return n.Count == "9007199254740994" && n.History == nil })
	await("a rate", func(n news) bool { return n.Rate != nil && n.Sample > 0 })
	count.down.Store(true)
	await("an outage", func(n news) bool { return n.Status == unavailable && n.Count == "9007199254740994" })
	count.down.Store(false)
	await("the end of it", func(n news) bool { return n.Status == live })
	// The server's own timeouts are a second: the stream outlives them.
	sample := next(t, lines).Sample
	await("three more samples", func(n news) bool { return n.Sample >= sample+3 })
}

// viewer is a client in memory: what is written to it is counted.
type viewer struct {
	header http.Header
	mu     sync.Mutex
	body   bytes.Buffer
	stuck  chan struct{} // nil, or writes block on it
}

func (v *viewer) Header() http.Header              { return v.header }
func (v *viewer) WriteHeader(int)                  {}
func (v *viewer) Flush()                           {}
func (v *viewer) SetReadDeadline(time.Time) error  { return nil }
func (v *viewer) SetWriteDeadline(time.Time) error { return nil }

func (v *viewer) Write(b []byte) (int, error) {
	if v.stuck != nil {
		<-v.stuck
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.body.Write(b)
}

func (v *viewer) events() int { return strings.Count(v.text(), "data: ") }

func (v *viewer) text() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.body.String()
}

// attend starts a viewer; the returned function waits for its end.
func attend(p *Page, v *viewer) (wait func()) {
	v.header = http.Header{}
	var group sync.WaitGroup
	group.Go(func() { p.Events(v, httptest.NewRequest(http.MethodGet, "/events", nil)) })
	return group.Wait
}

// In the bubble's time: a minute of 1,000 viewers costs exactly as many reads as a minute of one.
func TestReadsDoNotGrowWithViewers(t *testing.T) {
	reads := func(viewers int) (reads int64) {
		synctest.Test(t, func(t *testing.T) {
			count := &fakeCount{}
			p := newPage(t, count)
			run(t, p)
			synctest.Wait()
			for range viewers {
				wait := attend(p, &viewer{})
				defer wait()
			}
			defer p.Close()
			time.Sleep(time.Second + time.Millisecond) // the poller learns of them at its next read
			before := count.reads.Load()
			time.Sleep(time.Minute)
			reads = count.reads.Load() - before
		})
		return reads
	}
	if none, one, many := reads(0), reads(1), reads(1000); none != 60 || one != 240 || many != 240 {
		t.Errorf("reads in a minute: %d for nobody, %d for one viewer, %d for 1,000; want 60, 240, 240", none, one, many)
	}
}

// The same over real connections, where only bounds can be given.
func TestThousandViewersOverTCP(t *testing.T) {
	count := &fakeCount{}
	p := newPage(t, count)
	run(t, p)
	srv := serve(t, p, nil)
	begin := time.Now()
	const viewers = 1000
	var group sync.WaitGroup
	errs := make(chan error, viewers)
	moved := make(chan struct{}, viewers)
	for range viewers {
		group.Go(func() { errs <- follow(srv, moved) })
	}
	for range viewers {
		select {
		case <-moved:
		case err := <-errs:
			t.Fatalf("a viewer ended early: %v", err)
		}
	}
	if got := p.viewers.Load(); got != viewers {
		t.Errorf("%d viewers, want %d", got, viewers)
	}
	most := int64(time.Since(begin)/busyPoll) + 2
	if got := count.reads.Load(); got > most {
		t.Errorf("%d reads of the count, want at most %d", got, most)
	}
	p.Close()
	group.Wait() // Close ends them all, and a stream that is closed ends cleanly
	for range viewers {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

// follow says on moved that the viewer has seen three events, and reads on to the end.
func follow(srv *httptest.Server, moved chan<- struct{}) error {
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patienceOfTests))
	fmt.Fprint(conn, "GET /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	seen := 0
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") {
			if seen++; seen == 3 {
				moved <- struct{}{}
			}
		}
	}
	return lines.Err()
}

// pipes is a listener of connections without any buffer, so that a client that does not read blocks the server at once.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func TestSlowViewerIsDropped(t *testing.T) {
	p := newPage(t, &fakeCount{})
	p.patience = 50 * time.Millisecond
	run(t, p)
	ln := newPipes()
	serve(t, p, ln)
	client, server := net.Pipe()
	defer client.Close()
	ln.conns <- server
	_ = client.SetDeadline(time.Now().Add(patienceOfTests))
	fmt.Fprint(client, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
	// It never reads. The server closes its end, which a write notices.
	for {
		if _, err := client.Write([]byte{'\n'}); errors.Is(err, io.ErrClosedPipe) {
			break
		} else if err != nil {
			t.Fatalf("the slow viewer was not dropped: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	awaitViewers(t, p, 0)
}

func awaitViewers(t *testing.T, p *Page, want int64) {
	t.Helper()
	deadline := time.Now().Add(patienceOfTests)
	for p.viewers.Load() != want {
		if time.Now().After(deadline) {
			t.Fatalf("%d viewers, want %d", p.viewers.Load(), want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A viewer that is stuck for a while gets the newest state and the chart again, not what it missed one by one.
func TestStuckViewerGetsTheNewestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		count := &fakeCount{}
		p := newPage(t, count)
		run(t, p)
		stuck, brisk := &viewer{stuck: make(chan struct{})}, &viewer{}
		defer attend(p, stuck)()
		defer attend(p, brisk)()
		defer p.Close()
		for range 100 {
			count.n.Add(7)
			time.Sleep(time.Second)
		}
		time.Sleep(busyPoll / 2) // not in the instant of a poll
		close(stuck.stuck)
		synctest.Wait()
		if got := brisk.events(); got < 100 || strings.Count(brisk.text(), "history") != 1 {
			t.Errorf("the brisk viewer got %d events:\n%s", got, brisk.text())
		}
		if got := stuck.text(); stuck.events() != 2 || !strings.Contains(got, `"count":"700"`) ||
			strings.Count(got, "history") != 2 {
			t.Errorf("the stuck viewer got\n%s", got)
		}
	})
}

// blockedCount is a Reader that never answers, as behind a network that swallows packets.
type blockedCount struct{}

func (blockedCount) Visits(ctx context.Context) (int64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, blockedCount{}) // without Run there is no event at all
		v := &viewer{}
		defer attend(p, v)()
		defer p.Close()
		time.Sleep(13 * time.Second)
		if got := strings.Count(v.text(), ": still here\n\n"); got != 3 {
			t.Errorf("%d heartbeats in 13 s, want 3", got)
		}
		if !strings.HasPrefix(v.text(), "retry: ") {
			t.Errorf("the stream begins with %q", v.text())
		}
	})
}

func TestReadThatHangsIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPage(t, blockedCount{})
		run(t, p)
		time.Sleep(3 * time.Second)
		if got := p.current.Load().status; got != unavailable {
			t.Errorf("status %q, want %q", got, unavailable)
		}
	})
}

func TestTooManyViewers(t *testing.T) {
	p := newPage(t, &fakeCount{})
	p.limit = 1
	srv := serve(t, p, nil)
	next(t, watch(t, srv.URL))
	resp, err := http.Get(srv.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, headers %v", resp.StatusCode, resp.Header)
	}
	if got := p.viewers.Load(); got != 1 {
		t.Errorf("%d viewers, want 1", got)
	}
}

func TestCloseTwice(t *testing.T) {
	p := newPage(t, &fakeCount{})
	srv := serve(t, p, nil)
	lines := watch(t, srv.URL)
	next(t, lines)
	p.Close()
	p.Close()
	for lines.Scan() { // to the end, which Close brings
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestHeadOfEventsEnds(t *testing.T) {
	srv := serve(t, newPage(t, &fakeCount{}), nil)
	resp, err := http.Head(srv.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
}
