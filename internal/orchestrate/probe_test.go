package orchestrate_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/ready"
	"stackctl.dev/stackctl/internal/stack"
)

// Nobody but the port that the file publishes is asked whether the stack works, whatever the file or the container says.
func TestTheProbeAsksNobodyElse(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/full", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("a") != "1" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	mux.Handle("/within", http.RedirectHandler("/ok", http.StatusFound))
	mux.Handle("/away", http.RedirectHandler(other.URL+"/internal", http.StatusFound))
	mux.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	target := httptest.NewServer(mux)
	defer target.Close()
	host, port, err := net.SplitHostPort(target.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	const never = "deadline"
	otherHost := strings.TrimPrefix(other.URL, "http://")
	for path, want := range map[string]string{
		"/ok": "", "/full?a=1": "", "/within": "",
		"/away":                never,
		"/loop":                never,
		"@" + otherHost + "/x": "it must begin with /",
		other.URL + "/x":       "it must begin with /",
		"":                     "it must begin with /",
		"//" + otherHost + "/": never, // a path with two slashes, of the target
		"/a b\n":               "invalid",
	} {
		svc := types.ServiceConfig{Name: "a"}
		svc.Ports = []types.ServicePortConfig{{HostIP: host, Published: port, Target: 80}}
		s := &stack.Stack{Project: &types.Project{Name: "p", Services: types.Services{"a": svc}}}
		s.Extension.Ready = &stack.Ready{Service: "a", Port: 80, Path: path}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err := ready.Await(ctx, memory.New(), s, ready.Waiting{})
		cancel()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("another host was asked %d times", n)
	}
}
