package operate

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

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/logprint"
	"stackctl.dev/stackctl/internal/orchestrate/attach"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/termtext"
)

// attachOptions say what an attached `up` does when a container ends.
type attachOptions struct {
	detach                     bool
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

func (o *attachOptions) check(wait bool) error {
	aborts := o.abortOnExit || o.abortOnFailed || o.exitCodeFrom != ""
	if (o.detach || wait) && aborts {
		return cli.Wrong("checking flags: --detach and --wait exclude --abort-on-container-exit, --abort-on-container-failure and --exit-code-from")
	}
	return nil
}

// attached reports whether `up` stays with the containers, as docker compose does. The embedded stack always goes to the
// background: it has a dashboard.
func (o *upOptions) attached(s *stack.Stack) bool {
	return !s.Embedded && !o.attach.detach && !o.Healthy && !o.NoWait
}

// upAttached brings the containers up, attached to each before it starts, and stays with them.
func (a *app) upAttached(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *upOptions) error {
	if err := o.attach.find(s); err != nil {
		return err
	}
	show := a.Progress.Unmoved().Renderer(a.Err) // containers print on the same screen
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	session := a.openSession(ctx, eng, s, o)
	defer session.Close()
	o.attach.session, o.Attach = session, session
	p := a.On(eng, s.Project.Name, show)
	result, err := p.Up(ctx, s, o.UpOptions)
	show.Close()
	switch {
	case ctx.Err() != nil && session.Begun():
		return a.endAttached(ctx, p, s, o, 0, signals)
	case err != nil:
		a.PrintFailure(ctx, p, err)
		return err
	}
	a.reportUp(result, false, a.Err) // standard output is the containers'
	return a.attach(ctx, p, s, o, signals)
}

// openSession begins to follow what the attached services print; it is given to the containers' starts.
func (a *app) openSession(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *upOptions) *attach.Session {
	services := o.attachedServices(s)
	width := 0
	for _, service := range services {
		if svc, ok := s.Project.Services[service]; ok {
			width = max(width, len(logprint.ReplicaName(service, svc.GetScale())))
		}
	}
	p := logprint.NewAttached(a.Streams, width)
	return attach.Open(ctx, eng, attach.Options{
		Project: s.Project.Name, Wanted: func(service string) bool { return slices.Contains(services, service) }, Print: p.Print, Flush: p.Flush,
		Warn: func(name string, err error) {
			a.Tell("warning: " + termtext.Safe(name) + ": " + termtext.Safe(err.Error()))
		},
	})
}

// attachedServices are the services that were named, and not what these depend on: their output is printed, and they are
// stopped at the end.
func (o *upOptions) attachedServices(s *stack.Stack) []string {
	if len(o.Services) > 0 {
		return o.Services
	}
	return s.Project.ServiceNames()
}

// attach prints what the containers print until all have ended, one has whose end matters, or Ctrl-C: then it stops them; a
// second Ctrl-C kills them, and a third one leaves.
func (a *app) attach(ctx context.Context, p *project.Project, s *stack.Stack, o *upOptions, signals <-chan os.Signal) error {
	if err := o.attach.session.Adopt(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	code, err := o.attach.awaitEnd(ctx)
	if errors.Is(err, io.EOF) {
		return nil // all have ended by themselves
	}
	return a.endAttached(ctx, p, s, o, code, signals)
}

// signalLimit bounds the wait for a signal that has come already.
const signalLimit = time.Second

// endAttached stops the containers, prints what they have left to say, and returns what the command ends with.
func (a *app) endAttached(ctx context.Context, p *project.Project, s *stack.Stack, o *upOptions, code int, signals <-chan os.Signal) error {
	if ctx.Err() != nil {
		a.Tell("stopping; press Ctrl-C again to kill")
		select {
		case <-signals: // the one that ended ctx
		case <-time.After(signalLimit):
		}
	}
	ending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	p.Sink = a.warn
	if err := p.End(ending, o.attachedServices(s), signals); err != nil {
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
		return cli.ExitError(code)
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

// warn prints warnings, and nothing else of what is done.
func (a *app) warn(e report.Event) {
	if e.Kind == report.Warning {
		a.Tell("warning: " + e.Object + ": " + e.Detail)
	}
}
