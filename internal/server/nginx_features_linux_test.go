package server

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
	"stackctl.dev/stackctl/internal/stack"
)

// nginx starts with each combination of the features.
func TestNginxTakesEachCombinationOfFeatures(t *testing.T) {
	features, err := stack.Features(assets.FS)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := fs.ReadFile(assets.FS, "nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	features = slices.DeleteFunc(features, func(f stack.Feature) bool { // the others change nothing of it
		return !strings.Contains(string(conf), "# with "+f.Name+":") && !strings.Contains(string(conf), "# without "+f.Name)
	})
	for chosen := range 1 << len(features) {
		var with []string
		for i, f := range features {
			if chosen>>i&1 == 1 {
				with = append(with, f.Name)
			}
		}
		t.Run(strings.Join(with, "+"), func(t *testing.T) {
			variables := map[string]string{"STACKCTL_TRUSTED_PROXY": "192.0.2.0/24,2001:db8::/32", "STACKCTL_MAINTENANCE_ALLOW": "192.0.2.1"}
			for _, version := range []string{"", tiertest.NginxVersion(t)} {
				startNginxWith(t, t.TempDir(), version, stack.Settings{With: with, Variables: variables}, "127.0.0.1:1")
			}
		})
	}
}

// greeter answers every request.
func greeter(t *testing.T) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("X-Real-IP")) }))
	t.Cleanup(web.Close)
	return strings.TrimPrefix(web.URL, "http://")
}

func askNginx(t *testing.T, url string, header ...string) tiertest.Answer {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	a, err := tiertest.Ask(&client, http.MethodGet, url, "", header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// limited counts the requests of n that get a 429.
func limited(t *testing.T, n int, url string, header ...string) (refused int) {
	t.Helper()
	for range n {
		a := askNginx(t, url, header...)
		switch {
		case a.Status == http.StatusTooManyRequests && a.Header.Get("Retry-After") == "1":
			refused++
		case a.Status != http.StatusOK || a.Header.Get("Retry-After") != "":
			t.Fatalf("got %d with Retry-After %q", a.Status, a.Header.Get("Retry-After"))
		}
	}
	return refused
}

// A client may send its rate, and a burst of 100 at once; who it is says the address of its connection, unless a trusted proxy names
// another. On a loopback address nobody is limited, since all clients are one there.
func TestNginxLimits(t *testing.T) {
	web := greeter(t)
	start := func(variables map[string]string) string {
		variables["STACKCTL_RATE"] = "1"
		addr, _ := startNginxWith(t, t.TempDir(), "", stack.Settings{With: []string{"limits"}, Variables: variables}, web)
		return "http://" + addr
	}
	if url := start(map[string]string{}); limited(t, 200, url+"/") > 0 {
		t.Error("requests to a loopback address are limited")
	}

	url := start(map[string]string{"STACKCTL_BIND": "0.0.0.0"})
	if n := limited(t, 150, url+"/"); n < 40 || n > 50 {
		t.Errorf("%d of 150 requests at once are refused, want 40 to 50", n)
	}
	if n := limited(t, 50, url+"/count"); n > 0 {
		t.Errorf("/count has no limit of its own: %d of 50 are refused", n)
	}
	if limited(t, 10, url+"/", "X-Forwarded-For", "198.51.100.7") == 0 {
		t.Error("a client escapes the limit with X-Forwarded-For")
	}
	if got := askNginx(t, url+"/count", "X-Forwarded-For", "198.51.100.7").Body; got != "127.0.0.1" {
		t.Errorf("a client calls itself %s", got)
	}

	url = start(map[string]string{"STACKCTL_BIND": "0.0.0.0", "STACKCTL_TRUSTED_PROXY": "127.0.0.0/8"})
	for _, network := range []string{"198.51.100.%d", "2001:db9::%d:0:0:0:1", "2001:db8:0:%d::1", "2001:0:0:%d:1:2:3:4"} {
		for client := 1; client <= 3; client++ {
			if n := limited(t, 90, url+"/", "X-Forwarded-For", fmt.Sprintf(network, client)); n > 0 {
				t.Errorf("%d requests of a client in %s are refused: others count for it", n, network)
			}
		}
	}
	if n := limited(t, 30, url+"/", "X-Forwarded-For", "2001:db8:0:1:ffff::9"); n < 15 {
		t.Errorf("%d of 30 requests are refused, want 20: its /64 has had its burst", n)
	}
}

// In a maintenance, nginx answers itself, except those who ask whether the stack is ready and those who are let through.
func TestNginxMaintenance(t *testing.T) {
	web := greeter(t)
	variables := map[string]string{"STACKCTL_MAINTENANCE_MESSAGE": "Back at noon.", "STACKCTL_MAINTENANCE_RETRY_AFTER": "60"}
	addr, _ := startNginxWith(t, t.TempDir(), "", stack.Settings{With: []string{"maintenance"}, Variables: variables}, web)
	url := "http://" + addr
	if a := askNginx(t, url+"/count"); a.Status != 503 || a.Body != "Back at noon.\n" || a.Header.Get("Retry-After") != "60" || a.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("to curl it answers %+v", a)
	}
	if a := askNginx(t, url+"/", "Accept", "text/html,*/*"); a.Status != 503 || !strings.Contains(a.Body, "<p>Back at noon.</p>") || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("to a browser it answers %+v", a)
	}
	if a := askNginx(t, url+"/readyz"); a.Status != 200 {
		t.Errorf("to who asks for readiness it answers %+v", a)
	}
	variables["STACKCTL_MAINTENANCE_ALLOW"] = "127.0.0.0/8"
	addr, _ = startNginxWith(t, t.TempDir(), "", stack.Settings{With: []string{"maintenance"}, Variables: variables}, web)
	if a := askNginx(t, "http://"+addr+"/count"); a.Status != 200 {
		t.Errorf("to who is let through it answers %+v", a)
	}
}

// Requests wait while the tier `hold` keeps them, with their body, and go on when it says so; else they get the message.
func TestNginxHolds(t *testing.T) {
	release := make(chan int)
	holder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 {
			t.Error("the tier `hold` got a body")
		}
		w.WriteHeader(<-release)
	}))
	t.Cleanup(holder.Close)
	asked := make(chan string, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		asked <- string(content)
		w.WriteHeader(http.StatusForbidden) // of the web tier's own: not that of `hold`
	}))
	t.Cleanup(web.Close)
	variables := map[string]string{"STACKCTL_MAINTENANCE_MESSAGE": "Back at noon.", "HOLD": strings.TrimPrefix(holder.URL, "http://")}
	addr, _ := startNginxWith(t, t.TempDir(), "", stack.Settings{With: []string{"limits", "maintenance", "hold"}, Variables: variables}, strings.TrimPrefix(web.URL, "http://"))
	ask := func() <-chan tiertest.Answer {
		done := make(chan tiertest.Answer, 1)
		go func() {
			a, err := tiertest.Ask(http.DefaultClient, http.MethodPost, "http://"+addr+"/count", "a=b")
			if err != nil {
				t.Error(err)
			}
			done <- a
		}()
		return done
	}
	waiting := ask()
	select {
	case <-asked:
		t.Fatal("the web tier got a request that should wait")
	case <-time.After(200 * time.Millisecond):
	}
	release <- http.StatusNoContent
	if body, a := <-asked, <-waiting; body != "a=b" || a.Status != http.StatusForbidden || a.Body != "" {
		t.Errorf("one that went on: the web tier got %q, and its client %+v", body, a)
	}
	waiting = ask()
	release <- http.StatusForbidden
	if a := <-waiting; a.Status != 503 || a.Body != "Back at noon.\n" || a.Header.Get("Retry-After") == "" {
		t.Errorf("one that waited for too long got %+v", a)
	}
	holder.CloseClientConnections()
	holder.Close()
	if a := <-ask(); a.Status != 503 || a.Body != "Back at noon.\n" {
		t.Errorf("without the tier `hold` one got %+v", a)
	}
	if a := askNginx(t, "http://"+addr+"/.stackctl/hold"); a.Status != 404 {
		t.Errorf("a visitor who asks for the inner address gets %+v", a)
	}
}
