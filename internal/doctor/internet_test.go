package doctor

import (
	"testing"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/stack"
)

// Whom the limits limit depends on where the stack is published.
func TestCheckLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		with      []string
		variables map[string]string
		ip, want  string
	}{
		"loopback":      {with: []string{"limits"}, ip: "127.0.0.1", want: "ok rate limits: nobody is limited: the stack is published on a loopback address, where all clients have the address of the network's gateway"},
		"everywhere":    {with: []string{"limits"}, ip: "0.0.0.0", want: "ok rate limits: each client is limited, by its address; clients on this machine have that of the network's gateway, and are limited together"},
		"behind others": {with: []string{"limits"}, variables: map[string]string{"STACKCTL_TRUSTED_PROXY": "192.0.2.1"}, ip: "::", want: "ok rate limits: each client is limited, by the address that the proxies in 192.0.2.1 name"},
		"off":           {with: []string{}, ip: "127.0.0.1", want: "ok rate limits: they are off"},
		"off, and open": {with: []string{}, ip: "0.0.0.0", want: "note rate limits: they are off; turn them on with `stackctl up --with limits`"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := stack.Read(t.Context(), stack.Options{Default: assets.FS, With: tt.with, Environment: tt.variables})
			if err != nil {
				t.Fatal(err)
			}
			observed := &observe.Observed{Containers: []observe.Container{{
				Service: "nginx", Labels: map[string]string{label.Ready: "5002/readyz"}, Ports: []container.Port{{IP: tt.ip, PrivatePort: 5002, PublicPort: 80, Type: "tcp"}},
			}}}
			compare(t, line(checkLimits(s, observed)), tt.want)
		})
	}
}
