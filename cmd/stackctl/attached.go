package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/attach"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/termtext"
)

// attachOptions say what an attached `up` does when a container ends.
type attachOptions struct {
	detach, wait               bool
	abortOnExit, abortOnFailed bool
	exitCodeFrom               string

	session *attach.Session
	from    []int // exit codes of exitCodeFrom
}

// find makes sure that --exit-code-from names a service.
func (o *attachOptions) find(s *stack.Stack) error {
	if services := s.Project.ServiceNames(); o.exitCodeFrom != "" && !slices.Contains(services, o.exitCodeFrom) {
		return fmt.Errorf("finding service %q of --exit-code-from: there are %s", o.exitCodeFrom, strings.Join(services, ", "))
	}
	return nil
}

func (o *attachOptions) check() error {
	aborts := o.abortOnExit || o.abortOnFailed || o.exitCodeFrom != ""
	if (o.detach || o.wait) && aborts {
		return usageError{errors.New("checking flags: --detach and --wait exclude --abort-on-container-exit, --abort-on-container-failure and --exit-code-from")}
	}
	return nil
}

// attached reports whether `up` stays with the containers, as docker compose does. The embedded stack always goes to the
// background: it has a dashboard.
func (o *upOptions) attached(s *stack.Stack) bool {
	return !s.Embedded && !o.attach.detach && !o.attach.wait && !o.noWait
}

// upAttached brings the containers up, attached to each before it starts, and stays with them.
func (a *app) upAttached(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *upOptions, show renderer) error {
	begin := time.Now()
	if _, tty := show.(*ttyRenderer); tty { // containers print meanwhile, where its frames would be
		show.close()
		show = &plainRenderer{w: a.Err}
	}
	if err := o.attach.find(s); err != nil {
		show.close()
		return err
	}
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	session := a.openSession(ctx, eng, s, o)
	defer session.Close()
	o.attach.session = session
	plan, err := a.startAttached(ctx, eng, s, o, show)
	show.close()
	switch {
	case ctx.Err() != nil && session.Begun():
		return a.endAttached(ctx, eng, s, o, 0, signals)
	case err != nil:
		a.printFailure(ctx, eng, s, err)
		return err
	}
	a.reportUp(s, plan, time.Since(begin), true)
	return a.attach(ctx, eng, s, o, signals)
}

// startAttached holds the project's lock as long as the containers are made and started.
func (a *app) startAttached(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *upOptions, show renderer) (*orchestrate.Plan, error) {
	begin := time.Now()
	unlock, err := lockProject(ctx, eng, s.Project.Name, show)
	if err != nil {
		return nil, err
	}
	defer unlock()
	plan, err := carryOut(ctx, eng, s, o, nil, show)
	a.remember(ctx, eng, s.Project.Name, o.command(), begin, plan, err)
	return plan, err
}

// openSession begins to follow what the attached services print; it is given to the containers' starts.
func (a *app) openSession(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *upOptions) *attach.Session {
	services := o.attachedServices(s)
	p := newAttachedPrinter(a.streams, s, services)
	return attach.Open(ctx, eng, attach.Options{
		Project: s.Project.Name, Wanted: func(service string) bool { return slices.Contains(services, service) }, Print: p.print, Flush: p.flush,
		Warn: func(name string, err error) {
			a.tell("warning: " + termtext.Safe(name) + ": " + termtext.Safe(err.Error()))
		},
	})
}

// attachedServices are the services that were named, and not what these depend on: their output is printed, and they are
// stopped at the end.
func (o *upOptions) attachedServices(s *stack.Stack) []string {
	if len(o.services) > 0 {
		return o.services
	}
	return s.Project.ServiceNames()
}

// attach prints what the containers print until all have ended, one has whose end matters, or Ctrl-C: then it stops them; a
// second Ctrl-C kills them, and a third one leaves.
func (a *app) attach(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *upOptions, signals <-chan os.Signal) error {
	if err := o.attach.session.Adopt(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	code, err := o.attach.awaitEnd(ctx)
	if errors.Is(err, io.EOF) {
		return nil // all have ended by themselves
	}
	return a.endAttached(ctx, eng, s, o, code, signals)
}

// signalLimit bounds the wait for a signal that has come already.
const signalLimit = time.Second

// endAttached stops the containers, prints what they have left to say, and returns what the command ends with.
func (a *app) endAttached(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *upOptions, code int, signals <-chan os.Signal) error {
	if ctx.Err() != nil {
		a.tell("stopping; press Ctrl-C again to kill")
		select {
		case <-signals: // the one that ended ctx
		case <-time.After(signalLimit):
		}
	}
	ending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if err := a.stopAttached(ending, eng, s.Project.Name, o.attachedServices(s), signals); err != nil {
		return err
	}
	go func() { // ends with the signal or with the wait
		select {
		case <-signals:
			cancel()
		case <-ending.Done():
		}
	}()
	if from, ok := o.attach.drain(ending); ok {
		code = from
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case code != 0:
		return exitError(code)
	}
	return nil
}

// awaitEnd waits for an end that matters. Its error is io.EOF when all have ended, and that of ctx.
func (o *attachOptions) awaitEnd(ctx context.Context) (code int, err error) {
	for {
		e, err := o.session.Next(ctx)
		if err != nil {
			return 0, err
		}
		if e.Service == o.exitCodeFrom {
			o.from = append(o.from, e.Code)
		}
		if !e.Restarting && (o.abortOnExit || o.exitCodeFrom != "" || o.abortOnFailed && e.Code != 0) {
			return e.Code, nil
		}
	}
}

// drain waits until all containers have ended and all that they printed is there; it returns the exit code of --exit-code-from.
func (o *attachOptions) drain(ctx context.Context) (code int, ok bool) {
	for {
		e, err := o.session.Next(ctx)
		if err != nil {
			break
		}
		if e.Service == o.exitCodeFrom {
			o.from = append(o.from, e.Code)
		}
	}
	if len(o.from) == 0 {
		return 0, false
	}
	return o.from[len(o.from)-1], true
}

// stopAttached stops the containers of the services; a further Ctrl-C kills them.
func (a *app) stopAttached(ctx context.Context, eng *engine.Engine, project string, services []string, signals <-chan os.Signal) error {
	observed, err := orchestrate.Observe(ctx, eng, project)
	if err != nil {
		return err
	}
	choice := orchestrate.Choice{Services: present(observed, services)}
	if len(choice.Services) == 0 {
		return nil // somebody has removed them
	}
	plan, err := orchestrate.PlanStop(observed, choice)
	if err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() { stopped <- orchestrate.Apply(ctx, eng, plan, a.warn) }()
	select {
	case err := <-stopped:
		return err
	case <-signals:
	}
	kill, err := orchestrate.PlanKill(observed, choice)
	if err == nil {
		err = orchestrate.Apply(ctx, eng, kill, nil)
	}
	return errors.Join(err, <-stopped)
}

// warn prints warnings, and nothing else of what is done.
func (a *app) warn(e orchestrate.Event) {
	if line, ok := plainLine(e); ok && e.Kind == orchestrate.EventWarning {
		a.tell(line)
	}
}

// present keeps the services that have containers.
func present(observed *orchestrate.Observed, services []string) []string {
	return slices.DeleteFunc(slices.Clone(services), func(name string) bool { return observed.Replicas(name) == 0 })
}
