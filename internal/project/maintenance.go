package project

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// MaintenanceOptions say what visitors get during a maintenance.
type MaintenanceOptions struct {
	Message    string        // "" is that of the stack
	RetryAfter time.Duration // when to come again, in whole seconds; 0 is the stack's 2 minutes
	Allow      []string      // addresses and networks that are served as ever
	Hold       time.Duration // how long requests wait before they get the message; 0 is not at all
}

// maxHold is the longest time for which nginx keeps a request that waits: see worker_shutdown_timeout in nginx.conf.
const maxHold = 5 * time.Minute

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
	if o.Hold != 0 && (o.Hold < time.Second || o.Hold > maxHold) {
		return fmt.Errorf("checking how long requests are held, %s: use 1s to %s", o.Hold, maxHold)
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
	variables := map[string]string{stack.MaintenanceMessage: o.Message, stack.MaintenanceAllow: strings.Join(o.Allow, ","), stack.MaintenanceRetryAfter: "", stack.MaintenanceHold: ""}
	if o.RetryAfter > 0 {
		variables[stack.MaintenanceRetryAfter] = strconv.Itoa(int(o.RetryAfter / time.Second))
	}
	if o.Hold > 0 {
		variables[stack.MaintenanceHold] = o.Hold.String()
	}
	return variables
}

// Maintenance lets nginx answer 503 with a message, or pass requests on again. Requests in flight are finished, and no container is
// recreated or started, but that of the tier that lets requests wait.
func (p *Project) Maintenance(ctx context.Context, on bool, o MaintenanceOptions) (Result, error) {
	if err := o.Check(); err != nil {
		return Result{}, err
	}
	both := []string{stack.MaintenanceFeature, stack.HoldFeature}
	up := UpOptions{NoDeps: true, NoRecreate: true, Without: both, Choices: MaintenanceOptions{}.variables()}
	up.NoWait = true
	command := "maintenance off"
	if on {
		up.With, up.Without, up.Choices = both[:1], both[1:], o.variables()
		command = "maintenance on"
	}
	if on && o.Hold > 0 {
		up.With, up.Without = both, nil
	}
	w := up.wish()
	w.fronts = true
	if on && o.Hold > 0 {
		w.services = []string{stack.HoldService}
	}
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
		if !on {
			if err := p.release(ctx); err != nil {
				return nil, err
			}
		}
		options := up.plan()
		options.Existing = true
		options.AwaitReady = on && o.Hold > 0 // nginx asks that tier from its reload on
		return p.bringUp(ctx, s, w, up, options)
	})
}

// release lets the requests that wait go on, and those that come until nginx asks no more.
func (p *Project) release(ctx context.Context) error {
	observed, err := observe.Project(ctx, p.Engine, p.Name)
	if err != nil {
		return err
	}
	for _, c := range observed.Of(stack.HoldService) {
		if !c.Running() || c.Labels[label.Feature] != stack.HoldFeature {
			continue
		}
		if err := p.Engine.ContainerKill(ctx, c.ID, "SIGHUP"); err != nil && !observe.NotRunning(err) {
			return fmt.Errorf("letting the requests that wait go on, in container %q: %w", c.Name, err)
		}
	}
	return nil
}
