package operate

import (
	"context"
	"fmt"
	"strings"

	"github.com/mattn/go-shellwords"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/terminal"
)

type runOptions struct {
	project.RunOptions
	noTTY, detach bool
	entrypoint    string
}

func newRunCmd(a *app) *cobra.Command {
	o := &runOptions{}
	cmd := &cobra.Command{
		Use: "run SERVICE [COMMAND...]", Short: "Run a command in a container of its own, like those of a service",
		Long: "Start what the service depends on, and run a command in a one-off container with the service's configuration, but without its published ports. " +
			"The exit code is that of the command. `exec` runs a command in a container that is there.",
		Example: "stackctl -f compose.yaml run --rm migrate ./migrate up\nstackctl run --rm -T -e LOG_LEVEL=debug web version",
		Args:    cli.Usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Service, o.Command = args[0], args[1:]
			for _, e := range o.Env {
				if name, _, _ := strings.Cut(e, "="); name == "" {
					return cli.Wrong("checking --env %q: use NAME=VALUE, or NAME to pass it on", e)
				}
			}
			words, err := shellwords.Parse(o.entrypoint)
			if err != nil {
				return cli.Wrong("reading --entrypoint %q: %w", o.entrypoint, err)
			}
			o.Env, o.Entrypoint = passedOn(o.Env), words
			if cmd.Flags().Changed("publish") {
				return cli.Wrong("checking --publish: not supported by stackctl; --service-ports (-P) publishes the service's own ports")
			}
			return a.run(cmd.Context(), o)
		},
		ValidArgsFunction: a.CompleteServices,
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the service belongs to the command
	flags.BoolVar(&o.Remove, "rm", false, "remove the container when it has ended")
	flags.BoolVarP(&o.noTTY, "no-tty", "T", false, "do not allocate a terminal")
	flags.BoolVarP(&o.detach, "detach", "d", false, "do not wait for it; print its name")
	flags.BoolVar(&o.NoDeps, "no-deps", false, "do not start what the service depends on")
	flags.BoolVarP(&o.PublishPort, "service-ports", "P", false, "publish the service's ports")
	flags.StringArrayVarP(&o.Env, "env", "e", nil, "set a variable, as NAME=VALUE, or pass NAME on; repeatable")
	flags.StringVarP(&o.User, "user", "u", "", "run as this user")
	flags.StringVarP(&o.WorkingDir, "workdir", "w", "", "run in this folder")
	flags.StringVar(&o.entrypoint, "entrypoint", "", "run this instead of the image's or the service's entrypoint")
	flags.StringVar(&o.Name, "name", "", "name of the container")
	addTerminalFlags(cmd)
	// -p is docker's here, so that a port is not taken for the project's name; naming --project-name keeps the global one reachable.
	flags.StringArrayP("publish", "p", nil, "refused: use --service-ports")
	a.AddYes(cmd)
	flags.StringVar(&a.Project, "project-name", a.Project, "project name (before the verb also -p)")
	return cmd
}

func (a *app) run(ctx context.Context, o *runOptions) error {
	// What it depends on takes part, no other service.
	s, eng, err := a.prepare(ctx, project.UpOptions{Services: []string{o.Service}})
	if err != nil {
		return err
	}
	defer eng.Close()
	show := a.Progress.Renderer(a.Err)
	o.Stdin = !o.detach
	o.TTY = !o.noTTY && !o.detach && a.Interactive()
	name, err := a.On(eng, s.Project.Name, show).Run(ctx, s, o.RunOptions)
	show.Close()
	if err != nil {
		return err
	}
	if o.detach {
		if err := eng.StartOneOff(ctx, name); err != nil {
			return err
		}
		fmt.Fprintln(a.Out, name)
		return nil
	}
	return a.runAttached(ctx, eng, name, o)
}

// runAttached starts the container with this terminal's streams, and passes signals and its exit code on.
func (a *app) runAttached(ctx context.Context, eng *engine.Engine, name string, o *runOptions) error {
	x := engine.Exec{TTY: o.TTY, In: a.In, Out: terminal.Raw(a.Out), Err: terminal.Raw(a.Err)}
	var restore func()
	if o.TTY {
		x.WatchSize = a.WatchSize
		x.Started = func() (err error) {
			restore, err = a.RawInput()
			return err
		}
		defer func() {
			if restore != nil {
				restore()
			}
		}()
	}
	passing := terminal.PassSignals(func(signal string) { eng.Signal(context.WithoutCancel(ctx), name, signal) })
	defer passing()
	code, err := eng.RunOneOff(ctx, name, o.Remove, x)
	if err == nil && code != 0 {
		return cli.ExitError(code)
	}
	return err
}
