package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/stack"
)

// rollingOptions say how replicas are replaced while they serve.
type rollingOptions struct {
	parallel     int
	drain, pause time.Duration
}

type rolloutOptions struct {
	upOptions
	service string
	image   string
	env     []string
}

func newRolloutCmd(a *app) *cobra.Command {
	o := &rolloutOptions{upOptions: upOptions{pull: "missing", source: "auto", forceRecreate: true, binaryDigest: imageOptions().BinaryDigest}}
	cmd := &cobra.Command{
		Use:   "rollout [SERVICE]",
		Short: "Replace a service's replicas without an outage",
		Long: "Replace the replicas of a service one after another, by what the Compose file and the flags say now.\n" +
			"A new replica starts beside the old one; when it answers its healthcheck, nginx is told; when the old one has answered " +
			"what it had, it stops, and the next follows.\n" +
			"If a new replica does not become ready, everything goes back by itself, and the exit code is 1.\n" +
			"Without SERVICE, it is the one behind nginx. What --image and --env change lasts until the next `up` or `rollout`: " +
			"write it into the Compose file to keep it.",
		Example: "stackctl rollout                            # the web tier, as the Compose file has it now\n" +
			"stackctl rollout web --env LOG_LEVEL=debug\nstackctl rollout web --image shop/web:2 --parallel 2 --pause 30s",
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.service = args[0]
			}
			if err := o.check(); err != nil {
				return err
			}
			return a.rollout(cmd.Context(), o)
		},
		ValidArgsFunction: a.completeServices,
	}
	o.addRollingFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.image, "image", "", "make the replicas of this image")
	flags.StringArrayVarP(&o.env, "env", "e", nil, "set a variable of the replicas' environment, as NAME=VALUE; repeatable")
	flags.BoolVar(&o.build, "build", false, "build the image even if it is present")
	return cmd
}

// addRollingFlags are those of everything that replaces replicas while they serve.
func (o *rolloutOptions) addRollingFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&o.rolling.parallel, "parallel", 0, "how many replicas are replaced at once (default: what deploy.update_config says, else 1)")
	flags.DurationVar(&o.rolling.drain, "drain", 10*time.Second, "how long an old replica may take to answer what it has")
	flags.DurationVar(&o.rolling.pause, "pause", 0, "how long to wait before the next replicas follow")
	flags.Var(seconds{&o.waitTimeout}, "wait-timeout", waitTimeoutUsage)
	flags.BoolVar(&o.dryRun, "dry-run", false, "print what would be done, and change nothing")
}

func (o *rolloutOptions) check() error {
	for _, e := range o.env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return usageError{fmt.Errorf("checking --env %q: use NAME=VALUE", e)}
		}
	}
	if o.rolling.parallel < 0 || o.rolling.drain <= 0 || o.rolling.pause < 0 {
		return usageError{errors.New("checking --parallel, --drain, --pause: use 0 or more, a time above 0, and a time of 0 or more")}
	}
	return o.upOptions.check()
}

// rollout is `up` on one service alone, whose containers are all recreated.
func (a *app) rollout(ctx context.Context, o *rolloutOptions) error {
	return a.rolling(ctx, o, "rollout", func(s *stack.Stack, eng *engine.Engine, show renderer) (*orchestrate.Plan, error) {
		if o.dryRun {
			_, err := a.printPlan(ctx, eng, s, &o.upOptions, "text")
			return nil, err
		}
		return carryOut(ctx, eng, s, &o.upOptions, o.waiting(eng, s), show)
	}, time.Now())
}

// rolling replaces the replicas of one service, under the project's lock, and reports how that went.
func (a *app) rolling(ctx context.Context, o *rolloutOptions, verb string, carryOut func(*stack.Stack, *engine.Engine, renderer) (*orchestrate.Plan, error), begin time.Time) error {
	whole, err := a.read(ctx, nil)
	if err != nil {
		return err
	}
	eng, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	show, err := a.newRenderer()
	if err != nil {
		return err
	}
	finish := sync.OnceFunc(show.close)
	defer finish()
	unlock, err := lockProject(ctx, eng, whole.Project.Name, show)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := o.desired(ctx, eng, whole)
	if err != nil {
		return err
	}
	plan, err := carryOut(s, eng, show)
	if o.dryRun {
		return err
	}
	a.remember(ctx, eng, s.Project.Name, verb+" "+o.service, begin, plan, err)
	finish()
	if err != nil {
		a.printFailure(ctx, eng, s, err)
		return err
	}
	for _, warning := range plan.Warnings {
		a.tell("warning: " + warning)
	}
	if plan.Empty() {
		a.tell(fmt.Sprintf("nothing changed: service %q is as wanted", o.service))
		return nil
	}
	a.tell(fmt.Sprintf("%s of service %q done in %s", verb, o.service, round(time.Since(begin))))
	return nil
}

// desired is the one service, with what the flags change and as many replicas as it has.
func (o *rolloutOptions) desired(ctx context.Context, eng *engine.Engine, whole *stack.Stack) (*stack.Stack, error) {
	if o.service == "" {
		behind := whole.Behind()
		if len(behind) != 1 {
			return nil, usageError{fmt.Errorf("choosing the service: %d stand behind a proxy; name one of %s", len(behind), strings.Join(whole.Project.ServiceNames(), ", "))}
		}
		o.service = behind[0]
	}
	o.services = []string{o.service}
	s, err := whole.Only(ctx, o.services)
	if err != nil {
		return nil, err
	}
	observed, err := orchestrate.Observe(ctx, eng, s.Project.Name)
	if err != nil {
		return nil, err
	}
	o.standing = observed
	n := observed.Replicas(o.service)
	if n == 0 {
		return nil, fmt.Errorf("rolling out service %q: it has no containers; start the stack with `stackctl up`", o.service)
	}
	if n != stack.Replicas(s.Project.Services[o.service]) {
		if err := s.Scale(o.service, n); err != nil {
			return nil, err
		}
	}
	svc := s.Project.Services[o.service]
	if o.image != "" {
		stack.SetImage(&svc, o.image)
	}
	environment := types.MappingWithEquals{}
	for name, value := range svc.Environment {
		environment[name] = value
	}
	for _, e := range o.env {
		name, value, _ := strings.Cut(e, "=")
		environment[name] = &value
	}
	svc.Environment = environment
	s.Project.Services[o.service] = svc
	return s, nil
}
