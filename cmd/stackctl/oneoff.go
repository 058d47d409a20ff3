package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/mattn/go-shellwords"
	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/stack"
)

type runOptions struct {
	upOptions
	orchestrate.OneOff
	service       string
	noTTY, detach bool
	noDeps        bool
	entrypoint    string
}

func newRunCmd(a *app) *cobra.Command {
	o := &runOptions{upOptions: upOptions{pull: "missing", source: "auto", binaryDigest: imageOptions().BinaryDigest}}
	cmd := &cobra.Command{
		Use: "run SERVICE [COMMAND...]", Short: "Run a command in a container of its own, like those of a service",
		Long: "Start what the service depends on, and run a command in a one-off container with the service's configuration, but without its published ports. " +
			"The exit code is that of the command. `exec` runs a command in a container that is there.",
		Example: "stackctl -f compose.yaml run --rm migrate ./migrate up\nstackctl run --rm -T -e LOG_LEVEL=debug web version",
		Args:    usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.service, o.Command = args[0], args[1:]
			for _, e := range o.Env {
				if name, _, _ := strings.Cut(e, "="); name == "" {
					return usageError{fmt.Errorf("checking --env %q: use NAME=VALUE, or NAME to pass it on", e)}
				}
			}
			words, err := shellwords.Parse(o.entrypoint)
			if err != nil {
				return usageError{fmt.Errorf("reading --entrypoint %q: %w", o.entrypoint, err)}
			}
			o.Env, o.Entrypoint = passedOn(o.Env), words
			if cmd.Flags().Changed("publish") {
				return usageError{errors.New("checking --publish: not supported by stackctl; --service-ports (-P) publishes the service's own ports")}
			}
			return a.run(cmd.Context(), o)
		},
		ValidArgsFunction: a.completeServices,
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the service belongs to the command
	flags.BoolVar(&o.Remove, "rm", false, "remove the container when it has ended")
	flags.BoolVarP(&o.noTTY, "no-tty", "T", false, "do not allocate a terminal")
	flags.BoolVarP(&o.detach, "detach", "d", false, "do not wait for it; print its name")
	flags.BoolVar(&o.noDeps, "no-deps", false, "do not start what the service depends on")
	flags.BoolVarP(&o.PublishPort, "service-ports", "P", false, "publish the service's ports")
	flags.StringArrayVarP(&o.Env, "env", "e", nil, "set a variable, as NAME=VALUE, or pass NAME on; repeatable")
	flags.StringVarP(&o.User, "user", "u", "", "run as this user")
	flags.StringVarP(&o.WorkingDir, "workdir", "w", "", "run in this folder")
	flags.StringVar(&o.entrypoint, "entrypoint", "", "run this instead of the image's or the service's entrypoint")
	flags.StringVar(&o.Name, "name", "", "name of the container")
	addTerminalFlags(cmd)
	// -p is docker's here, so that a port is not taken for the project's name; naming --project-name keeps the global one reachable.
	flags.StringArrayP("publish", "p", nil, "refused: use --service-ports")
	flags.StringVar(&a.project, "project-name", a.project, "project name (before the verb also -p)")
	return cmd
}

func (a *app) run(ctx context.Context, o *runOptions) error {
	o.services = []string{o.service} // and what it depends on; no other service takes part
	s, eng, err := a.prepare(ctx, &o.upOptions)
	if err != nil {
		return err
	}
	defer eng.Close()
	if err := a.createOneOff(ctx, eng, s, o); err != nil {
		return err
	}
	if o.detach {
		if err := eng.ContainerStart(ctx, o.Name, container.StartOptions{}); err != nil {
			return fmt.Errorf("starting container %q: %w", o.Name, err)
		}
		fmt.Fprintln(a.Out, o.Name)
		return nil
	}
	return a.attachTo(ctx, eng, o)
}

// createOneOff starts what the service depends on, and makes the container.
func (a *app) createOneOff(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *runOptions) error {
	show, err := a.newRenderer()
	if err != nil {
		return err
	}
	defer show.close()
	unlock, err := lockProject(ctx, eng, s.Project.Name, show)
	if err != nil {
		return err
	}
	defer unlock()
	dependencies, err := s.DependenciesOf(o.service)
	if err != nil {
		return err
	}
	only, err := s.Only(ctx, []string{o.service})
	if err != nil {
		return err
	}
	if !o.noDeps && len(dependencies) > 0 {
		needed, err := s.Select(ctx, dependencies)
		if err != nil {
			return err
		}
		if _, err := carryOut(ctx, eng, needed, &o.upOptions, nil, show); err != nil {
			return err
		}
	}
	found, err := images.Ensure(ctx, eng, only, o.images(), show.event)
	if err != nil {
		return err
	}
	image := images.ByService(found)[o.service]
	observed, err := orchestrate.Observe(ctx, eng, s.Project.Name)
	if err != nil {
		return err
	}
	if o.Name == "" {
		var random [6]byte
		_, _ = rand.Read(random[:]) // never fails
		o.Name = fmt.Sprintf("%s-%s-run-%s", s.Project.Name, o.service, hex.EncodeToString(random[:]))
	}
	o.Stdin = !o.detach
	o.TTY = !o.noTTY && !o.detach && isTerminal(a.In) && isTerminal(a.Out)
	resources, _, err := orchestrate.Prepare(ctx, eng, only, map[string]orchestrate.Image{o.service: image}, o.plan())
	if err != nil {
		return err
	}
	if err := orchestrate.Apply(ctx, eng, resources.Resources(), show.event); err != nil {
		return err
	}
	plan, err := orchestrate.PlanOneOff(only, observed, o.service, image, o.OneOff)
	if err != nil {
		return err
	}
	return orchestrate.Apply(ctx, eng, plan, show.event)
}

// attachTo starts the container with this terminal's streams, and passes signals and its exit code on.
func (a *app) attachTo(ctx context.Context, eng *engine.Engine, o *runOptions) error {
	lasting := context.WithoutCancel(ctx)
	stream, err := eng.ContainerAttach(lasting, o.Name, container.AttachOptions{Stream: true, Stdin: o.Stdin, Stdout: true, Stderr: true})
	if err != nil {
		return fmt.Errorf("attaching to container %q: %w", o.Name, err)
	}
	defer stream.Close()
	condition := container.WaitConditionNextExit
	if o.Remove {
		condition = container.WaitConditionRemoved
	}
	statuses, errs := eng.ContainerWait(lasting, o.Name, condition)
	if err := eng.ContainerStart(ctx, o.Name, container.StartOptions{}); err != nil {
		return fmt.Errorf("starting container %q: %w", o.Name, err)
	}
	if o.TTY {
		restore, err := rawTerminal(a.In)
		if err != nil {
			return err
		}
		defer restore()
		watching, stopWatching := context.WithCancel(lasting)
		defer stopWatching()
		sizes := watchSize(watching, a.Out)
		go func() { // ends with watching
			for size := range sizes {
				_ = eng.ContainerResize(watching, o.Name, container.ResizeOptions{Width: size.Width, Height: size.Height}) // a courtesy
			}
		}()
	}
	go func() { // ends with its input, or with the process: a read of a terminal cannot be interrupted
		_, _ = io.Copy(stream.Conn, a.In)
		_ = stream.CloseWrite()
	}()
	printed := make(chan struct{})
	go func() { // ends with the container
		defer close(printed)
		if o.TTY {
			_, _ = io.Copy(raw(a.Out), stream.Reader)
		} else {
			_, _ = stdcopy.StdCopy(raw(a.Out), raw(a.Err), stream.Reader)
		}
	}()
	passing := passSignals(func(signal string) { _ = eng.ContainerKill(lasting, o.Name, signal) }) // the wait below tells
	defer passing()
	select {
	case status := <-statuses:
		<-printed
		if status.StatusCode != 0 {
			return exitError(status.StatusCode)
		}
		return nil
	case err := <-errs:
		stream.Close()
		<-printed
		return errors.Join(fmt.Errorf("waiting for container %q: %w", o.Name, err), ctx.Err())
	}
}
