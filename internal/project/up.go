package project

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/attach"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/ready"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// UpOptions say what Up brings up, and how. Those of a plain `up` are the zero value.
type UpOptions struct {
	Services []string          // and their dependencies; none are all
	NoDeps   bool              // without the dependencies
	Replicas map[string]int    // by service
	Port     int               // the published port; 0 is that of the files or of the running stack
	With     []string          // features to turn on
	Without  []string          // features to turn off
	Choices  map[string]string // variables of the embedded stack, see stack.Choices
	Defaults bool              // go back to the port, the replicas and the features of the Compose file

	Build  bool   // build images even if they are present
	Pull   string // missing, always or never; "" is missing
	Source string // of images: auto, registry or host; "" is auto

	ForceRecreate, NoRecreate, RemoveOrphans, RenewVolumes bool

	Waiting
	Rolling
	// Attach follows the containers' output from their start on; nil is a detached up. With it, Up does not wait for the stack.
	Attach *attach.Session
}

// Waiting says how long a verb waits for the containers it has started.
type Waiting struct {
	NoWait  bool          // return as soon as the containers are started
	Healthy bool          // wait until the engine reports every container as healthy
	Limit   time.Duration // of each wait; 0 is a minute, or more if a healthcheck's settings allow more
}

// Rolling says how replicas are replaced while they serve.
type Rolling struct {
	Parallel int           // how many at once; 0 is deploy.update_config's parallelism, or else 1
	Drain    time.Duration // how long a leaving replica may take to finish its requests; 0 is 10 s
	Pause    time.Duration // between one group of replicas and the next
}

func (o UpOptions) wish() *wish {
	return &wish{services: o.Services, alone: o.NoDeps, replicas: o.Replicas, port: o.Port, with: o.With, without: o.Without, choices: o.Choices, defaults: o.Defaults}
}

func (o UpOptions) plan() planner.Options {
	return planner.Options{
		ForceRecreate: o.ForceRecreate, ForceServices: o.Services, RemoveOrphans: o.RemoveOrphans, NoRecreate: o.NoRecreate, RenewVolumes: o.RenewVolumes,
		WaitTimeout: o.Limit, AwaitReady: !o.NoWait, Parallel: o.Parallel, Drain: o.Drain, Pause: o.Pause,
	}
}

func (p *Project) imageOptions(o UpOptions) images.Options {
	options := p.Images
	options.Rebuild, options.Pull, options.Source = o.Build, o.Pull, o.Source
	return options
}

// Choose reads the stack for Up. It is separate so that callers can read the files while they connect to the engine.
func Choose(ctx context.Context, files Files, o UpOptions) (*stack.Stack, error) {
	return (&Project{Files: files}).choose(ctx, o.wish(), "")
}

// Up makes the engine match the stack, which is the result of Choose, and waits until the stack answers.
func (p *Project) Up(ctx context.Context, s *stack.Stack, o UpOptions) (Result, error) {
	w := o.wish()
	command := func() string { return strings.Join(append([]string{"up"}, o.Services...), " ") }
	result, err := p.change(ctx, command, func() (*steps.Plan, error) { return p.bringUp(ctx, s, w, o, o.plan()) })
	if w.result != nil {
		result.URLs = urls(w.result)
	}
	if err == nil && !o.NoWait && o.Attach == nil {
		if warning := p.lossWarning(ctx, w.result, result.Changed); warning != "" {
			result.Warnings = append(result.Warnings, warning)
		}
	}
	return result, err
}

// bringUp gets images and applies the wish. The caller holds the lock.
func (p *Project) bringUp(ctx context.Context, s *stack.Stack, w *wish, o UpOptions, options planner.Options) (*steps.Plan, error) {
	s, err := p.recall(ctx, w, s)
	if err != nil {
		return nil, err
	}
	p.warnOpen(s)
	s, of, err := p.getImages(ctx, s, w, o)
	if err != nil {
		return nil, err
	}
	return p.makeSo(ctx, s, of, w, o, options)
}

// getImages gets the images, and leaves the optional services out whose images cannot be had.
func (p *Project) getImages(ctx context.Context, s *stack.Stack, w *wish, o UpOptions) (*stack.Stack, map[string]planner.Image, error) {
	options := p.imageOptions(o)
	options.Present = p.isKnown(ctx, w, o)
	found, err := images.Ensure(ctx, p.Engine, s, options, p.Sink)
	if err != nil {
		return nil, nil, err
	}
	w.absent = images.Absent(found)
	return s.Disable(w.absent), images.ByService(found), nil
}

// isKnown reports whether it is known which optional images can be had: an `up` that turns nothing on, on a stack that runs, does not ask a
// registry again for what it did not have, so that it is quick.
func (p *Project) isKnown(ctx context.Context, w *wish, o UpOptions) bool {
	if o.Pull != "" && o.Pull != types.PullPolicyMissing || o.Source == "registry" || !w.chosen.Equal(w.had) {
		return false
	}
	containers, err := observe.Containers(ctx, p.Engine, p.Name)
	return err == nil && len(containers) > 0
}

func (p *Project) makeSo(ctx context.Context, s *stack.Stack, of map[string]planner.Image, w *wish, o UpOptions, options planner.Options) (*steps.Plan, error) {
	var writer apply.Engine = p.Engine
	if o.Attach != nil {
		writer = o.Attach.Writer(p.Engine)
	}
	options.Approve = p.approve(ctx, s)
	if held := w.chosen.Hold(); held > 0 { // an old worker of nginx may keep a request for so long, and then sends it where it did before
		options.Drain = max(options.Drain, held+10*time.Second)
	}
	w.passwords.inTurn = true
	plan, err := p.takeTurns(ctx, writer, s, of, w, o, options)
	if err == nil {
		err = p.saveSettings(ctx, w, s)
	}
	return plan, err
}

// takeTurns applies the wish, in two turns if Redis has to get its passwords last: see givePasswords.
func (p *Project) takeTurns(ctx context.Context, writer apply.Engine, s *stack.Stack, of map[string]planner.Image, w *wish, o UpOptions, options planner.Options) (*steps.Plan, error) {
	done := &steps.Plan{}
	for {
		options.Adjust, options.Secrets = p.fit(ctx, w), p.openVault(w, of)
		plan, err := orchestrate.Up(ctx, writer, s, of, options, p.waiting(s, o), p.Sink)
		done.Follow(plan, slices.Repeat([]bool{true}, len(plan.Ops)))
		if err != nil || !w.passwords.storeLeft {
			return done, err
		}
		if options.ForceRecreate { // the others are new already
			options.ForceServices = []string{s.Extension.Store.Service}
		}
	}
}

// stableAfter is how long a container without a healthcheck must run to count as up.
const stableAfter = 500 * time.Millisecond

// waiting returns how to wait for the stack, or nil for not at all: until it answers and, with the user's own file or if the options say
// so, until the engine reports each container as healthy, so that other tools see it too.
func (p *Project) waiting(s *stack.Stack, o UpOptions) *ready.Waiting {
	if o.NoWait || o.Attach != nil {
		return nil
	}
	how := &ready.Waiting{Settle: stableAfter, Limit: o.Limit, Healthy: !s.Embedded || o.Healthy}
	if !p.reachable(s) && s.Extension.Store != nil {
		how.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return p.Engine.DialService(ctx, p.Name, address)
		}
	}
	return how
}

// reachable reports whether the probed port is published where this machine reaches it.
func (p *Project) reachable(s *stack.Stack) bool {
	r := s.Extension.Ready
	if r == nil {
		return false
	}
	_, published := ready.Published(s, r.Service, r.Port)
	return published && p.Engine.Local()
}

// Planned says what a verb would do.
type Planned struct {
	Changes  []steps.Change // what is kept too
	Warnings []string
}

// Plan returns what Up would do. It changes nothing and does not wait for the lock.
func (p *Project) Plan(ctx context.Context, s *stack.Stack, o UpOptions) (Planned, error) {
	return p.plan(ctx, s, o.wish(), o, o.plan())
}

func (p *Project) plan(ctx context.Context, s *stack.Stack, w *wish, o UpOptions, options planner.Options) (Planned, error) {
	s, err := p.recall(ctx, w, s)
	if err != nil {
		return Planned{}, err
	}
	found, err := images.Find(ctx, p.Engine, s, p.imageOptions(o))
	if err != nil {
		return Planned{}, err
	}
	if p.isKnown(ctx, w, o) {
		w.absent = images.MarkAbsent(found)
		s = s.Disable(w.absent)
	}
	options.Adjust = p.fit(ctx, w)
	planned, err := p.describe(ctx, s, images.ByService(found), options)
	planned.Changes = append(imageChanges(found, o), planned.Changes...)
	return planned, err
}

func (p *Project) describe(ctx context.Context, s *stack.Stack, of map[string]planner.Image, options planner.Options) (Planned, error) {
	plan, _, err := orchestrate.Prepare(ctx, p.Engine, s, of, options)
	if err != nil {
		return Planned{}, err
	}
	err = orchestrate.Describe(ctx, p.Engine, plan)
	return Planned{Changes: plan.Changes, Warnings: plan.Warnings}, err
}

// imageChanges lists the images that must be got first.
func imageChanges(found []images.Resolution, o UpOptions) []steps.Change {
	var changes []steps.Change
	for _, res := range found {
		if res.Absent || res.ID != "" && (!o.Build || res.Origin == images.OriginRegistry) {
			continue
		}
		action := map[images.Origin]string{images.OriginRegistry: "pull", images.OriginHost: "make"}[res.Origin]
		if action == "" {
			action = "build"
		}
		changes = append(changes, steps.Change{Action: action, Kind: "image", Object: res.Ref, Service: res.Service, Cause: fmt.Sprintf("service %q needs it", res.Service)})
	}
	return changes
}

// Create creates what is missing of the stack, which is the result of Choose, and starts nothing.
func (p *Project) Create(ctx context.Context, s *stack.Stack, o UpOptions) (Result, error) {
	o.NoWait, o.NoRecreate = true, true
	w := o.wish()
	command := func() string { return strings.Join(append([]string{"create"}, o.Services...), " ") }
	return p.change(ctx, command, func() (*steps.Plan, error) {
		s, err := p.recall(ctx, w, s)
		if err != nil {
			return nil, err
		}
		s, of, err := p.getImages(ctx, s, w, o)
		if err != nil {
			return nil, err
		}
		options := o.plan()
		options.Adjust, options.Approve, options.Secrets = p.fit(ctx, w), p.approve(ctx, s), p.openVault(w, of)
		plan, _, err := orchestrate.Prepare(ctx, p.Engine, s, of, options)
		if err != nil {
			return nil, err
		}
		plan = plan.Created()
		return plan, apply.Plan(ctx, p.Engine, plan, p.Sink)
	})
}

// urls lists the stack's URLs: that of the probed port if there is one, otherwise of every published TCP port.
func urls(s *stack.Stack) []string {
	if u := s.Extension.URL; u != nil {
		if address, ok := ready.Published(s, u.Service, u.Port); ok {
			return []string{u.Scheme + "://" + address + "/"}
		}
	}
	if r := s.Extension.Ready; r != nil {
		if address, ok := ready.Published(s, r.Service, r.Port); ok {
			return []string{"http://" + address + "/"}
		}
	}
	var found []string
	for _, name := range s.Project.ServiceNames() {
		for _, port := range s.Project.Services[name].Ports {
			if address, ok := ready.Published(s, name, port.Target); ok && port.Protocol != "udp" {
				found = append(found, strings.TrimSuffix("http://"+address, ":80")+"/")
			}
		}
	}
	return found
}
