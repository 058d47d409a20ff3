package main

import (
	"context"
	"net"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/stack"
)

// reachable reports whether the probed port is published where this machine reaches it.
func reachable(eng *engine.Engine, s *stack.Stack) bool {
	r := s.Extension.Ready
	if r == nil {
		return false
	}
	_, published := orchestrate.Published(s, r.Service, r.Port)
	return published && eng.Local()
}

// settle is how long a container without a healthcheck has to run to count as up.
const settle = 500 * time.Millisecond

// waiting says how to wait for the stack, nil for not at all: until it answers, and, for a file of the user's own or with
// --wait, until the engine calls each container healthy: whoever asks the engine next is told so.
func (o *upOptions) waiting(eng *engine.Engine, s *stack.Stack) *orchestrate.Waiting {
	if o.noWait {
		return nil
	}
	how := &orchestrate.Waiting{Settle: settle, Limit: o.waitTimeout, Healthy: !s.Embedded || o.attach.wait}
	if !reachable(eng, s) && s.Extension.Store != nil {
		how.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return eng.DialService(ctx, s.Project.Name, address)
		}
	}
	return how
}
