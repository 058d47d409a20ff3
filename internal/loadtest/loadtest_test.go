package loadtest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/loadtest"
)

// during runs a test for a while.
func during(t *testing.T, target loadtest.Target, d time.Duration) loadtest.Report {
	t.Helper()
	test := loadtest.Start(t.Context(), target)
	timer := time.NewTimer(d)
	<-timer.C
	return test.Stop(t.Context())
}

func TestEachFailureIsCounted(t *testing.T) {
	var n, bad atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch k := n.Add(1); {
		case k%10 == 0:
			bad.Add(1)
			w.WriteHeader(http.StatusBadGateway)
		case k%25 == 1:
			bad.Add(1)
			panic(http.ErrAbortHandler)
		}
	}))
	server.Config.ErrorLog = nil
	defer server.Close()
	report := during(t, loadtest.Target{URL: server.URL, Rate: 200}, time.Second)
	if report.All.Requests < 150 || report.All.Failed == 0 || report.All.Reasons["status 502"] == 0 || len(report.All.Reasons) < 2 {
		t.Errorf("report %+v", report.All)
	}
	// The client asks once more where a connection that it used before was closed without an answer: HTTP allows that for GET.
	if int64(report.All.Failed) > bad.Load() {
		t.Errorf("%d failed of %d that the server failed", report.All.Failed, bad.Load())
	}
	if report.All.ReasonsByCount()[0] != "status 502" {
		t.Errorf("reasons %v", report.All.Reasons)
	}
}

// A server that hangs for a while: all requests that were due in that time have waited, whether they were sent or not.
func TestAStallCounts(t *testing.T) {
	began := time.Now()
	const from, to = 300 * time.Millisecond, 900 * time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if since := time.Since(began); since > from && since < to {
			<-time.NewTimer(to - since).C
		}
	}))
	defer server.Close()
	report := during(t, loadtest.Target{URL: server.URL, Rate: 100}, 1500*time.Millisecond)
	if r := report.All; r.Failed != 0 || r.Max < 400*time.Millisecond || r.P99 < 400*time.Millisecond || r.LongestGap < 400*time.Millisecond || r.P50 > 300*time.Millisecond {
		t.Errorf("report %+v", r)
	}
}

func TestNobodyThere(t *testing.T) {
	report := during(t, loadtest.Target{URL: "http://127.0.0.1:1/", Rate: 50}, 300*time.Millisecond)
	if r := report.All; r.Requests == 0 || r.Failed != r.Requests || !strings.Contains(r.ReasonsByCount()[0], "connection refused") || len(r.Reasons) != 1 {
		t.Errorf("report %+v", r)
	}
}

func TestPhases(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	test := loadtest.Start(t.Context(), loadtest.Target{URL: server.URL, Rate: 100})
	for _, p := range []loadtest.Phase{loadtest.During, loadtest.After} {
		<-time.NewTimer(200 * time.Millisecond).C
		test.Enter(p)
	}
	<-time.NewTimer(200 * time.Millisecond).C
	report := test.Stop(t.Context())
	sum := 0
	for i, p := range report.Phases {
		if p.Requests == 0 {
			t.Errorf("phase %d: %+v", i, p)
		}
		sum += p.Requests
	}
	if sum != report.All.Requests {
		t.Errorf("%d in phases of %d", sum, report.All.Requests)
	}
}

// The end of the context ends the test, though the server never answers.
func TestCancelled(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	test := loadtest.Start(ctx, loadtest.Target{URL: server.URL, Rate: 20})
	cancel()
	began := time.Now()
	test.Stop(ctx)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

// A server that closes a connection in the very moment in which a request comes, as nginx does when it reloads: net/http
// sends the request again and says nothing, so that the test has to.
func TestRepeatedRequests(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var dropped atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				reader := bufio.NewReader(conn)
				for n := 0; ; n++ {
					if _, err := http.ReadRequest(reader); err != nil {
						return
					}
					if n == 2 { // of each connection, the third request gets no answer
						dropped.Add(1)
						return
					}
					fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}()
		}
	}()
	for _, noRetry := range []bool{false, true} {
		t.Run(fmt.Sprintf("no retry %t", noRetry), func(t *testing.T) {
			dropped.Store(0)
			r := during(t, loadtest.Target{URL: "http://" + listener.Addr().String(), Rate: 200, NoRetry: noRetry}, 700*time.Millisecond).All
			seen := r.Repeated
			if noRetry {
				seen = r.Failed
			}
			if dropped.Load() == 0 || int64(seen) != dropped.Load() || r.Failed+r.Repeated != seen || r.Requests < 100 {
				t.Errorf("%d requests had no answer: %+v", dropped.Load(), r)
			}
		})
	}
}

// A connection is used again, unless its server says that it closes it; that is no failure.
func TestConnectionsAreKept(t *testing.T) {
	var opened, asked atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1)%40 == 0 {
			w.Header().Set("Connection", "close")
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	r := during(t, loadtest.Target{URL: server.URL, Rate: 200, NoRetry: true}, time.Second).All
	if r.Failed != 0 || r.Requests < 150 || opened.Load() < 24+int64(r.Requests)/40-1 || opened.Load() > int64(r.Requests)/2 {
		t.Errorf("%d connections for %d requests: %+v", opened.Load(), asked.Load(), r)
	}
}
