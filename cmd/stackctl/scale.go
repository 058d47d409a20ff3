package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/stack"
)

type scaleOptions struct {
	upOptions
	replicas map[string]int // by service
}

func newScaleCmd(a *app) *cobra.Command {
	o := &scaleOptions{upOptions: upOptions{pull: "missing", source: "auto", binaryDigest: imageOptions().BinaryDigest}}
	cmd := &cobra.Command{
		Use:   "scale SERVICE=REPLICAS...",
		Short: "Change how many replicas services have, without an outage",
		Long: "Start further replicas of a service, or remove the last ones. nginx is told of new ones when they answer; it forgets leaving ones, " +
			"and they answer what they have, before they stop.\nOnly the services named are touched. The number lasts until the next `up`: write it into the Compose file to keep it.",
		Example: "stackctl scale web=3\nstackctl scale web=1",
		Args:    usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.replicas, err = parseReplicas(args); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			return a.scaleCommand(cmd.Context(), o)
		},
		ValidArgsFunction: func(cmd *cobra.Command, given []string, start string) ([]string, cobra.ShellCompDirective) {
			names, directive := a.completeServices(cmd, given, start)
			for i := range names {
				names[i] += "="
			}
			return names, directive | cobra.ShellCompDirectiveNoSpace
		},
	}
	flags := cmd.Flags()
	flags.Var(seconds{&o.waitTimeout}, "wait-timeout", waitTimeoutUsage)
	flags.DurationVar(&o.rolling.drain, "drain", 10*time.Second, "how long a leaving replica may take to answer what it has")
	flags.BoolVar(&o.noWait, "no-wait", false, "return as soon as the containers are started")
	flags.Bool("no-deps", true, "accepted as Compose does; other services are never touched")
	return cmd
}

// maxReplicas is what the addresses of a project's network are enough for, with room for a replacement of each.
const maxReplicas = 100

// parseReplicas reads SERVICE=N.
func parseReplicas(args []string) (map[string]int, error) {
	replicas := map[string]int{}
	for _, arg := range args {
		service, number, ok := strings.Cut(arg, "=")
		n, err := strconv.Atoi(number)
		if !ok || service == "" || err != nil || n < 0 || n > maxReplicas {
			return nil, usageError{fmt.Errorf("reading %q: use SERVICE=REPLICAS, such as web=3, with 0 to %d replicas", arg, maxReplicas)}
		}
		replicas[service] = n
	}
	return replicas, nil
}

func (a *app) scaleCommand(ctx context.Context, o *scaleOptions) error {
	begin := time.Now()
	eng, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	show, err := a.newRenderer()
	if err != nil {
		return err
	}
	s, plan, err := a.scale(ctx, eng, o, show)
	show.close()
	if err != nil {
		if s != nil {
			a.printFailure(ctx, eng, s, err)
		}
		return err
	}
	for _, warning := range plan.Warnings {
		a.tell("warning: " + warning)
	}
	if plan.Empty() {
		a.tell("nothing changed: " + containers(plan.Kept) + " as wanted")
	} else {
		a.tell("scaled in " + round(time.Since(begin)).String())
	}
	return nil
}

// scale is `up` on the named services alone, with as many replicas as wanted, under the project's lock. The stack is nil where
// nothing was done.
func (a *app) scale(ctx context.Context, eng *engine.Engine, o *scaleOptions, show renderer) (*stack.Stack, *orchestrate.Plan, error) {
	begin := time.Now()
	whole, err := a.read(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	unlock, err := lockProject(ctx, eng, whole.Project.Name, show)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	observed, err := orchestrate.Observe(ctx, eng, whole.Project.Name)
	if err != nil {
		return nil, nil, err
	}
	if err := sameFiles(observed, whole); err != nil {
		return nil, nil, err
	}
	o.services, o.standing = slices.Sorted(maps.Keys(o.replicas)), observed
	s, err := whole.Only(ctx, o.services)
	if err != nil {
		return nil, nil, err
	}
	command := "scale"
	for _, service := range o.services {
		if err := s.Scale(service, o.replicas[service]); err != nil {
			return nil, nil, err
		}
		command += fmt.Sprintf(" %s=%d", service, o.replicas[service])
	}
	plan, err := carryOut(ctx, eng, s, &o.upOptions, o.waiting(eng, s), show)
	a.remember(ctx, eng, s.Project.Name, command, begin, plan, err)
	return s, plan, err
}
