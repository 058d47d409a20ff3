package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/dash"
	"stackctl.dev/stackctl/internal/demo"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/tui"
	"stackctl.dev/stackctl/internal/tui/theme"
)

type demoOptions struct {
	dashOptions
	dash     bool
	port     int
	replicas int
	load     int
}

func newDemoCmd(a *app) *cobra.Command {
	o := &demoOptions{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the three tiers in this one process, without Docker",
		Long: "Run the real web tier, a Redis in memory and a proxy in this one process, as a demonstration: no Docker, and nothing is kept.\n" +
			"It serves until Ctrl-C. --dash opens the dashboard on it.",
		Example: "stackctl demo\nstackctl demo --dash --load 50\nstackctl demo --port 0",
		Args:    cli.Usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.demo(cmd.Context(), o)
		},
	}
	o.addFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.dash, "dash", false, "open the dashboard on it")
	flags.IntVar(&o.port, "port", 5002, "port on 127.0.0.1; 0 takes a free one")
	flags.IntVar(&o.replicas, "replicas", 2, fmt.Sprintf("replicas of the web tier, 1 to %d", demo.MaxReplicas))
	flags.IntVar(&o.load, "load", 0, fmt.Sprintf("send itself this many requests a second, 1 to %d", demo.MaxLoad))
	return cmd
}

func (o *demoOptions) check() error {
	var errs []error
	if o.port < 0 || o.port > 65535 {
		errs = append(errs, cli.Wrong("checking --port %d: use 0 to 65535", o.port))
	}
	if o.replicas < 1 || o.replicas > demo.MaxReplicas {
		errs = append(errs, cli.Wrong("checking --replicas %d: use 1 to %d", o.replicas, demo.MaxReplicas))
	}
	if o.load < 0 || o.load > demo.MaxLoad {
		errs = append(errs, cli.Wrong("checking --load %d: use 1 to %d, or leave it out", o.load, demo.MaxLoad))
	}
	return errors.Join(append(errs, o.dashOptions.check())...)
}

// demo serves until ctx ends, or until the dashboard is closed.
func (a *app) demo(ctx context.Context, o *demoOptions) error {
	if o.printTheme {
		_, err := a.Out.Write(theme.Builtin())
		return err
	}
	cli.LongLived()
	d, err := demo.Start(ctx, demo.Options{Port: o.port, Replicas: o.replicas, Page: assets.Page})
	if err != nil {
		return err
	}
	defer d.Close()
	ctx, cancel := context.WithCancel(ctx)
	var loading sync.WaitGroup
	defer loading.Wait()
	defer cancel()
	if o.load > 0 {
		loading.Go(func() { _ = d.Load(ctx, o.load) }) // its bounds are checked above; it ends with ctx
	}
	if o.dash || o.once {
		return a.demoDash(ctx, &o.dashOptions, d)
	}
	fmt.Fprintln(a.Err, "This is a demonstration: three tiers in this one process, without Docker. Nothing is kept. Ctrl-C ends it.")
	fmt.Fprintln(a.Out, d.URL())
	<-ctx.Done()
	return nil
}

// demoOperator is for the demonstration.
type demoOperator struct{ dash.Verbs }

var _ tui.Operator = demoOperator{}

// Shell says that there is none.
func (demoOperator) Shell(_ context.Context, c watch.Container) (*exec.Cmd, error) {
	return nil, fmt.Errorf("opening a shell in %q: it is a part of this process, and no container", c.Name)
}

// demoDash opens the dashboard on a demonstration. The console's history stays in memory: nothing is kept.
func (a *app) demoDash(ctx context.Context, o *dashOptions, d *demo.Stack) error {
	src := tui.Sources{Project: demo.Project, Watch: d.Watch, Logs: d.Logs, Redis: d.Dial, Details: d.Details, Open: dash.OpenURL}
	if !o.readOnly {
		src.Operator = demoOperator{dash.Verbs{On: func(_ context.Context, sink report.Sink) (*project.Project, error) {
			return d.Project(sink), nil
		}}}
	}
	return a.show(ctx, o, src)
}
