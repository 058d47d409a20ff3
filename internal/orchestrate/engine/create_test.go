package engine

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// An engine that does not know a start interval is not told of it, and the caller's configuration stays as it is.
func TestStartIntervalOfAnOldEngine(t *testing.T) {
	for api, want := range map[string]time.Duration{"1.41": 0, "1.44": time.Second} {
		var got time.Duration
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body struct{ Healthcheck container.HealthConfig }
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			got = body.Healthcheck.StartInterval
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"Id":"x"}`))
		}))
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
		}
		c, err := newClient(time.Minute, client.WithHost("tcp://engine:1"), client.WithDialContext(dial), client.WithVersion(api))
		if err != nil {
			t.Fatal(err)
		}
		e := &Engine{Client: c, API: api}
		config := &container.Config{Image: "a", Healthcheck: &container.HealthConfig{Test: []string{"NONE"}, StartInterval: time.Second}}
		if _, err := e.ContainerCreate(t.Context(), config, &container.HostConfig{}, nil, nil, "a"); err != nil {
			t.Error(err)
		}
		if got != want || config.Healthcheck.StartInterval != time.Second {
			t.Errorf("API %s: the engine was told %s, want %s", api, got, want)
		}
		_ = e.Close()
		server.Close()
	}
}
