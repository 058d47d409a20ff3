package operate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/stack"
)

type upOptions struct {
	project.UpOptions
	scale  []string
	chosen *cli.Chosen
	dryRun bool
	attach attachOptions
}

func newUpCmd(a *app) *cobra.Command {
	o := &upOptions{}
	cmd := &cobra.Command{
		Use:   "up [SERVICE...]",
		Short: "Start the stack and wait until it answers",
		Long: "Bring the stack to the state that its Compose file describes, wait until a request goes through every tier, and print " +
			"its URL.\nOnly what changed is recreated, and the output says why. A second `up` changes nothing.",
		Example: "stackctl up\nstackctl up --port 8080\nstackctl up --with tls,waf    # on a running stack too\nstackctl up --dry-run         # what would be done\nstackctl up web --build",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Services = args
			if err := o.check(cmd.Flags()); err != nil {
				return err
			}
			return a.up(cmd.Context(), o)
		},
		ValidArgsFunction: a.CompleteServices,
	}
	flags := cmd.Flags()
	cli.AddWaitTimeout(cmd, &o.Limit)
	flags.BoolVar(&o.NoWait, "no-wait", false, "return as soon as the containers are started")
	flags.BoolVar(&o.Build, "build", false, "build images even if they are present")
	o.addPull(cmd)
	o.Source = "auto"
	cli.AddChoice(cmd, &o.Source, "images", "where images come from: auto, registry or host (made from this host's programs)", imageSources...)
	flags.BoolVar(&o.dryRun, "dry-run", false, "print what would be done, and change nothing")
	flags.BoolVar(&o.ForceRecreate, "force-recreate", false, "recreate containers even if nothing changed")
	flags.BoolVar(&o.RemoveOrphans, "remove-orphans", false, "remove containers of services that the Compose file does not have")
	flags.StringArrayVar(&o.scale, "scale", nil, "how many replicas a service has, as SERVICE=REPLICAS; repeatable")
	flags.IntVar(&o.Port, "port", 0, "publish the stack on this port (the variable STACKCTL_PORT of the Compose file)")
	flags.BoolVarP(&o.RenewVolumes, "renew-anon-volumes", "V", false, "give recreated containers new anonymous volumes, instead of those that they have")
	flags.BoolVar(&o.NoRecreate, "no-recreate", false, "leave containers as they are even if something changed")
	flags.BoolVar(&o.NoDeps, "no-deps", false, "do not touch what the named services depend on")
	flags.BoolVarP(&o.attach.detach, "detach", "d", false, "leave the containers in the background; the embedded stack always does")
	flags.BoolVar(&o.Healthy, "wait", false, "leave the containers in the background, and wait until the engine itself calls each of them healthy")
	flags.BoolVar(&o.attach.abortOnExit, "abort-on-container-exit", false, "stop all containers when one has ended")
	flags.BoolVar(&o.attach.abortOnFailed, "abort-on-container-failure", false, "stop all containers when one has ended with a code other than 0")
	flags.StringVar(&o.attach.exitCodeFrom, "exit-code-from", "", "stop all containers when one of this service has ended, and end with its exit code")
	flags.BoolVar(&o.Defaults, "defaults", false, "go back to the port, the replicas and the features of the Compose file")
	o.chosen = cli.AddChosen(cmd)
	a.AddYes(cmd)
	flags.Bool("menu", false, "accepted as Compose does; there is none")
	return cmd
}

// imageSources are where images may come from.
var imageSources = []string{"auto", "registry", "host"}

func (o *upOptions) addPull(cmd *cobra.Command) {
	o.Pull = "missing"
	cli.AddChoice(cmd, &o.Pull, "pull", "when to pull images: missing, always or never", "missing", "always", "never")
}

func (o *upOptions) check(flags *pflag.FlagSet) error {
	if o.chosen != nil {
		if err := o.chosen.Read(flags); err != nil {
			return err
		}
		o.With, o.Without, o.Choices = o.chosen.With, o.chosen.Without, o.chosen.Variables
	}
	if o.Port < 0 || o.Port > 65535 {
		return cli.Wrong("checking --port %d: use 1 to 65535", o.Port)
	}
	if o.NoRecreate && o.ForceRecreate {
		return cli.Wrong("checking flags: --no-recreate and --force-recreate exclude each other")
	}
	var err error
	if o.Replicas, err = parseReplicas(o.scale); err != nil {
		return err
	}
	return o.attach.check(o.Healthy)
}

// up is the whole of `stackctl up`: read and connect, bring up, report.
func (a *app) up(ctx context.Context, o *upOptions) error {
	begin := time.Now()
	s, eng, err := a.prepare(ctx, o.UpOptions)
	if err != nil {
		return err
	}
	defer eng.Close()
	if o.dryRun {
		planned, err := a.On(eng, s.Project.Name, progress.Quiet.Renderer(nil)).Plan(ctx, s, o.UpOptions)
		if err == nil {
			a.showPlan(planned, "text")
		}
		return err
	}
	if o.attached(s) {
		return a.upAttached(ctx, eng, s, o)
	}
	show := a.Progress.Renderer(a.Err)
	p := a.On(eng, s.Project.Name, show)
	result, err := p.Up(ctx, s, o.UpOptions)
	show.Close()
	if err != nil {
		a.PrintFailure(ctx, p, err)
		return err
	}
	result.Took = time.Since(begin)
	a.reportUp(result, !o.NoWait, a.Out)
	return nil
}

// prepare reads what is wanted, reaches the engine and takes the digest of this binary, side by side. An error of the Compose file
// comes before one of the engine.
func (a *app) prepare(ctx context.Context, o project.UpOptions) (s *stack.Stack, eng *engine.Engine, err error) {
	var loading, connecting, digesting error
	var group sync.WaitGroup
	group.Go(func() { s, loading = project.Choose(ctx, a.ComposeFiles(), o) })
	group.Go(func() { eng, connecting = a.Connect(ctx) })
	group.Go(func() { _, digesting = a.Images().BinaryDigest() })
	group.Wait()
	if err := cmp.Or(loading, connecting, digesting); err != nil {
		if eng != nil {
			_ = eng.Close()
		}
		return nil, nil, err
	}
	return s, eng, nil
}

// reportUp prints the result: the URLs to out, and the rest to standard error.
func (a *app) reportUp(result project.Result, ready bool, out io.Writer) {
	a.WarnAll(result.Warnings)
	done := "started" // nobody has checked whether they are ready
	if ready {
		done = "ready"
	}
	text := progress.Outcome(done, result)
	if !result.Changed {
		text += fmt.Sprintf(" (%s)", progress.Round(result.Took))
	}
	a.Tell(text)
	for _, url := range result.URLs {
		fmt.Fprintln(out, url)
	}
}
