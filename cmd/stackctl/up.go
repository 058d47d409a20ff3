package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/stack"
)

type upOptions struct {
	services      []string
	waitTimeout   time.Duration
	noWait        bool
	build         bool
	pull          string
	source        string
	dryRun        bool
	forceRecreate bool
	removeOrphans bool
	port          int
	scale         []string
	noRecreate    bool
	renewVolumes  bool
	noDeps        bool
	attach        attachOptions
	rolling       rollingOptions
	standing      *orchestrate.Observed // the stack that is changed; nil where it is made
	binaryDigest  func() (string, error)
}

func newUpCmd(a *app) *cobra.Command {
	o := &upOptions{binaryDigest: imageOptions().BinaryDigest}
	cmd := &cobra.Command{
		Use:   "up [SERVICE...]",
		Short: "Start the stack and wait until it answers",
		Long: "Bring the stack to the state that its Compose file describes, wait until a request goes through every tier, and print " +
			"its URL.\nOnly what changed is recreated, and the output says why. A second `up` changes nothing.",
		Example: "stackctl up\nstackctl up --port 8080\nstackctl up --dry-run         # what would be done\nstackctl up web --build",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.services = args
			if err := o.check(); err != nil {
				return err
			}
			return a.up(cmd.Context(), o)
		},
		ValidArgsFunction: a.completeServices,
	}
	flags := cmd.Flags()
	flags.Var(seconds{&o.waitTimeout}, "wait-timeout", waitTimeoutUsage)
	flags.BoolVar(&o.noWait, "no-wait", false, "return as soon as the containers are started")
	flags.BoolVar(&o.build, "build", false, "build images even if they are present")
	flags.StringVar(&o.pull, "pull", "missing", "when to pull images: missing, always or never")
	flags.StringVar(&o.source, "images", "auto", "where images come from: auto, registry or host (made from this host's programs)")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print what would be done, and change nothing")
	flags.BoolVar(&o.forceRecreate, "force-recreate", false, "recreate containers even if nothing changed")
	flags.BoolVar(&o.removeOrphans, "remove-orphans", false, "remove containers of services that the Compose file does not have")
	flags.StringArrayVar(&o.scale, "scale", nil, "give a service so many replicas, as SERVICE=REPLICAS; repeatable")
	flags.IntVar(&o.port, "port", 0, "publish the stack on this port (the variable STACKCTL_PORT of the Compose file)")
	flags.BoolVarP(&o.renewVolumes, "renew-anon-volumes", "V", false, "give replaced containers new anonymous volumes, instead of those that they have")
	flags.BoolVar(&o.noRecreate, "no-recreate", false, "leave containers as they are even if something changed")
	flags.BoolVar(&o.noDeps, "no-deps", false, "leave alone what the named services depend on")
	flags.BoolVarP(&o.attach.detach, "detach", "d", false, "leave the containers in the background; the embedded stack always does")
	flags.BoolVar(&o.attach.wait, "wait", false, "leave the containers in the background, and wait until the engine itself calls each of them healthy")
	flags.BoolVar(&o.attach.abortOnExit, "abort-on-container-exit", false, "stop all containers when one has ended")
	flags.BoolVar(&o.attach.abortOnFailed, "abort-on-container-failure", false, "stop all containers when one has ended with another code than 0")
	flags.StringVar(&o.attach.exitCodeFrom, "exit-code-from", "", "stop all containers when one of this service has ended, and end with its exit code")
	flags.Bool("menu", false, "accepted as Compose does; there is none")
	_ = cmd.RegisterFlagCompletionFunc("pull", cobra.FixedCompletions([]string{"missing", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("images", cobra.FixedCompletions([]string{"auto", "registry", "host"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// waitTimeoutUsage is the help of --wait-timeout, wherever there is one.
const waitTimeoutUsage = "how long each wait may take (default: a minute for the stack to answer; for your own healthchecks, what their settings allow)"

func (o *upOptions) check() error {
	if o.port < 0 || o.port > 65535 {
		return usageError{fmt.Errorf("checking --port %d: use 1 to 65535", o.port)}
	}
	if o.waitTimeout < 0 {
		return usageError{fmt.Errorf("checking --wait-timeout %s: use a duration such as 60s, or --no-wait", o.waitTimeout)}
	}
	if o.noRecreate && o.forceRecreate {
		return usageError{errors.New("checking flags: --no-recreate and --force-recreate exclude each other")}
	}
	return errors.Join(o.attach.check(), oneOf("pull", o.pull, "missing", "always", "never"), oneOf("images", o.source, "auto", "registry", "host"))
}

func (o *upOptions) variables() map[string]string {
	if o.port == 0 {
		return nil
	}
	return map[string]string{"STACKCTL_PORT": fmt.Sprint(o.port)}
}

func (o *upOptions) images() images.Options {
	options := imageOptions()
	options.Rebuild, options.Pull, options.Source = o.build, o.pull, o.source
	options.BinaryDigest = o.binaryDigest
	return options
}

func (o *upOptions) plan() orchestrate.PlanOptions {
	return orchestrate.PlanOptions{
		ForceRecreate: o.forceRecreate, ForceServices: o.services, RemoveOrphans: o.removeOrphans, WaitTimeout: o.waitTimeout,
		NoRecreate: o.noRecreate, RenewVolumes: o.renewVolumes, AwaitReady: !o.noWait, Standing: o.standing, Parallel: o.rolling.parallel, Drain: o.rolling.drain, Pause: o.rolling.pause,
	}
}

// command is how the history calls it.
func (o *upOptions) command() string { return strings.Join(append([]string{"up"}, o.services...), " ") }

// up is the whole of `stackctl up`: load, get images, plan and apply, wait, report.
func (a *app) up(ctx context.Context, o *upOptions) error {
	begin := time.Now()
	show, err := a.newRenderer()
	if err != nil {
		return err
	}
	s, eng, err := a.prepare(ctx, o)
	if err != nil {
		show.close()
		return err
	}
	defer eng.Close()
	if o.dryRun {
		show.close()
		_, err := a.printPlan(ctx, eng, s, o, "text")
		return err
	}
	if o.attached(s) {
		return a.upAttached(ctx, eng, s, o, show)
	}
	unlock, err := lockProject(ctx, eng, s.Project.Name, show)
	if err != nil {
		show.close()
		return err
	}
	defer unlock()
	plan, err := carryOut(ctx, eng, s, o, o.waiting(eng, s), show)
	a.remember(ctx, eng, s.Project.Name, o.command(), begin, plan, err)
	show.close()
	if err != nil {
		a.printFailure(ctx, eng, s, err)
		return err
	}
	a.reportUp(s, plan, time.Since(begin), false)
	return nil
}

// prepare reads the Compose file, reaches the engine and takes the digest of this binary, side by side. An error of the
// Compose file comes before one of the engine.
func (a *app) prepare(ctx context.Context, o *upOptions) (s *stack.Stack, eng *engine.Engine, err error) {
	var loading, connecting, digesting error
	var group sync.WaitGroup
	group.Go(func() {
		if s, loading = a.read(ctx, o.variables()); loading == nil {
			s, loading = o.choose(ctx, s)
		}
	})
	group.Go(func() { eng, connecting = a.connect(ctx) })
	group.Go(func() { _, digesting = o.binaryDigest() })
	group.Wait()
	if err := cmp.Or(loading, connecting, digesting); err != nil {
		if eng != nil {
			_ = eng.Close()
		}
		return nil, nil, err
	}
	return s, eng, nil
}

// choose keeps the services that were named, with as many replicas as --scale says.
func (o *upOptions) choose(ctx context.Context, s *stack.Stack) (*stack.Stack, error) {
	replicas, err := parseReplicas(o.scale)
	if err != nil {
		return nil, err
	}
	choose := s.Select
	if o.noDeps {
		choose = s.Only
	}
	if s, err = choose(ctx, o.services); err != nil {
		return nil, err
	}
	for service, n := range replicas {
		if err := s.Scale(service, n); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// carryOut gets images, carries the plan out and waits, unless wait is nil, for whoever holds the lock.
func carryOut(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *upOptions, wait *orchestrate.Waiting, show renderer) (*orchestrate.Plan, error) {
	found, err := images.Ensure(ctx, eng, s, o.images(), show.event)
	if err != nil {
		return nil, err
	}
	var w orchestrate.Writer = eng
	if o.attach.session != nil {
		w = o.attach.session.Writer(eng)
	}
	return orchestrate.Up(ctx, w, s, images.ByService(found), o.plan(), wait, show.event)
}

func lockProject(ctx context.Context, eng *engine.Engine, project string, show renderer) (unlock func(), err error) {
	return orchestrate.Lock(ctx, eng.Address, project, func() {
		show.event(orchestrate.Event{
			Kind: orchestrate.EventWarning, Verb: "lock project", Object: project,
			Detail: "another stackctl is changing this project; waiting for it to finish",
		})
	})
}

// reportUp prints the result: the URL to standard output, unless that is the containers', and the rest to standard error.
func (a *app) reportUp(s *stack.Stack, plan *orchestrate.Plan, elapsed time.Duration, attached bool) {
	for _, warning := range plan.Warnings {
		a.tell("warning: " + warning)
	}
	switch {
	case plan.Empty():
		a.tell(fmt.Sprintf("nothing changed: %s as described (%s)", containers(plan.Kept), round(elapsed)))
	case attached: // nobody has looked whether they are ready
		a.tell("started in " + round(elapsed).String())
	default:
		a.tell("ready in " + round(elapsed).String())
	}
	out := a.Out
	if attached { // there the containers print
		out = a.Err
	}
	for _, url := range urls(s) {
		fmt.Fprintln(out, url)
	}
}

func containers(n int) string {
	if n == 1 {
		return "1 container"
	}
	return fmt.Sprintf("%d containers", n)
}

// urls lists where the stack answers: the probed port where there is one, else every published TCP port.
func urls(s *stack.Stack) []string {
	if r := s.Extension.Ready; r != nil {
		if address, ok := orchestrate.Published(s, r.Service, r.Port); ok {
			return []string{"http://" + address + "/"}
		}
	}
	var found []string
	for _, name := range s.Project.ServiceNames() {
		for _, p := range s.Project.Services[name].Ports {
			if address, ok := orchestrate.Published(s, name, p.Target); ok && p.Protocol != "udp" {
				found = append(found, strings.TrimSuffix("http://"+address, ":80")+"/")
			}
		}
	}
	return found
}
