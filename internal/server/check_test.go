package server

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/server/tier"
	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

func TestCheck(t *testing.T) {
	ready := startSite(t, configFor(t, startRedis(t).Addr()), nil)
	notReady := startSite(t, configFor(t, tiertest.FreeAddr(t)), nil)
	_, port, err := net.SplitHostPort(ready.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	nobody := tiertest.FreeAddr(t)
	tests := map[string]struct{ addr, path, err string }{
		"full address":     {ready.server.Addr(), "/readyz", ""},
		"port only":        {":" + port, "healthz", ""},
		"any address":      {"0.0.0.0:" + port, "/healthz", ""},
		"any IPv6 address": {"[::]:" + port, "/healthz", ""},
		"not ready":        {notReady.server.Addr(), "/readyz", `status 503: "not ready: redis: connection refused"`},
		"not found":        {ready.server.Addr(), "/nope", `status 404: "404 page not found\n"`},
		"nobody listens":   {nobody, "/healthz", "connection refused"},
		"not an address":   {"5002", "/healthz", `checking "5002": address 5002: missing port in address`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tier.Check(t.Context(), tt.addr, tt.path)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.err)) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
}

func TestCheckHasADeadline(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tier.Check(ctx, ln.Addr().String(), "/healthz"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
