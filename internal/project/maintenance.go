package project

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// MaintenanceOptions say what visitors get during a maintenance.
type MaintenanceOptions struct {
	Message    string        // "" is that of the stack
	RetryAfter time.Duration // when to come again, in whole seconds; 0 is the stack's 2 minutes
	Allow      []string      // addresses and networks that are served as ever
}

// Check returns an error for a message that nginx could take for something else, and for an address that is none.
func (o MaintenanceOptions) Check() error {
	const maxMessage = 1000 // bytes
	i := strings.IndexFunc(o.Message, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`<>&$"\{}`, r) })
	if i >= 0 {
		return fmt.Errorf("checking the message: it has %q; use plain text without < > & $ \" \\ { } and line breaks", o.Message[i:i+1])
	}
	if len(o.Message) > maxMessage {
		return fmt.Errorf("checking the message: it has %d bytes; use %d at most", len(o.Message), maxMessage)
	}
	if o.RetryAfter < 0 || o.RetryAfter%time.Second != 0 {
		return fmt.Errorf("checking the time after which to come again, %s: use whole seconds", o.RetryAfter)
	}
	for _, text := range o.Allow {
		if _, err := netip.ParsePrefix(text); err != nil {
			if _, err := netip.ParseAddr(text); err != nil {
				return fmt.Errorf("checking %q: use an address or a network such as 192.0.2.0/24", text)
			}
		}
	}
	return nil
}

func (o MaintenanceOptions) variables() map[string]string {
	variables := map[string]string{stack.MaintenanceMessage: o.Message, stack.MaintenanceAllow: strings.Join(o.Allow, ","), stack.MaintenanceRetryAfter: ""}
	if o.RetryAfter > 0 {
		variables[stack.MaintenanceRetryAfter] = strconv.Itoa(int(o.RetryAfter / time.Second))
	}
	return variables
}

// Maintenance lets nginx answer 503 with a message, or pass requests on again. Requests in flight are finished, and no container is
// recreated or started.
func (p *Project) Maintenance(ctx context.Context, on bool, o MaintenanceOptions) (Result, error) {
	if err := o.Check(); err != nil {
		return Result{}, err
	}
	up := UpOptions{NoDeps: true, NoRecreate: true, Without: []string{stack.MaintenanceFeature}, Choices: MaintenanceOptions{}.variables()}
	command := "maintenance off"
	if on {
		up.With, up.Without, up.Choices = up.Without, nil, o.variables()
		command = "maintenance on"
	}
	up.NoWait = true
	w := up.wish()
	w.fronts = true
	w.adapt = func(s *stack.Stack, observed *observe.Observed) error {
		for _, name := range s.Fronts() {
			for _, c := range observed.Of(name) {
				if c.Running() {
					return nil
				}
			}
		}
		return errors.New("turning maintenance on or off: no proxy of the project runs; start the stack with `stackctl up`")
	}
	s, err := p.choose(ctx, w, "")
	if err != nil {
		return Result{}, err
	}
	return p.change(ctx, func() string { return command }, func() (*steps.Plan, error) {
		options := up.plan()
		options.Existing = true
		return p.bringUp(ctx, s, w, up, options)
	})
}
