package operate

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
)

func newScaleCmd(a *app) *cobra.Command {
	o := &project.UpOptions{}
	cmd := &cobra.Command{
		Use:   "scale SERVICE=REPLICAS...",
		Short: "Change how many replicas services have, without an outage",
		Long: "Start further replicas of a service, or remove the last ones. nginx uses new ones as soon as they answer. It stops using those that go, " +
			"and they finish their requests, before they stop.\nOnly the services named are touched. The next `up` of the embedded stack keeps the number; with a Compose file of your own, write it there.",
		Example: "stackctl scale web=3\nstackctl scale web=1",
		Args:    cli.Usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Replicas, err = parseReplicas(args); err != nil {
				return err
			}
			return a.scale(cmd.Context(), *o)
		},
		ValidArgsFunction: func(cmd *cobra.Command, given []string, start string) ([]string, cobra.ShellCompDirective) {
			names, directive := a.CompleteServices(cmd, given, start)
			for i := range names {
				names[i] += "="
			}
			return names, directive | cobra.ShellCompDirectiveNoSpace
		},
	}
	flags := cmd.Flags()
	cli.AddWaitTimeout(cmd, &o.Limit)
	flags.DurationVar(&o.Drain, "drain", 10*time.Second, "how long a replica may take to finish its requests before it is removed")
	flags.BoolVar(&o.NoWait, "no-wait", false, "return as soon as the containers are started")
	flags.Bool("no-deps", true, "accepted as Compose does; other services are never touched")
	a.AddYes(cmd)
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
			return nil, cli.Wrong("reading %q: use SERVICE=REPLICAS, such as web=3, with 0 to %d replicas", arg, maxReplicas)
		}
		replicas[service] = n
	}
	return replicas, nil
}

func (a *app) scale(ctx context.Context, o project.UpOptions) error {
	eng, name, err := a.OpenFiles(ctx)
	if err != nil {
		return err
	}
	defer eng.Close()
	show := a.Progress.Renderer(a.Err)
	p := a.On(eng, name, show)
	result, err := p.Scale(ctx, o)
	show.Close()
	if err != nil {
		a.PrintFailure(ctx, p, err)
		return err
	}
	a.WarnAll(result.Warnings)
	a.Tell(progress.Outcome("scaled", result))
	return nil
}
