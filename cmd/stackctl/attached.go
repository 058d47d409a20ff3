package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/termtext"
)

// attachOptions say what an attached `up` does when a container ends.
type attachOptions struct {
	detach, wait               bool
	abortOnExit, abortOnFailed bool
	exitCodeFrom               string
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

// lastLines is how long the lines may take that a container has printed before it ended.
const lastLines = 500 * time.Millisecond

// attach prints the containers' logs until all have ended, one has whose end matters, or Ctrl-C: then it stops them; a second
// Ctrl-C kills them.
func (a *app) attach(ctx context.Context, eng *engine.Engine, s *stack.Stack, o *upOptions, since time.Time) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	observed, err := orchestrate.Observe(ctx, eng, s.Project.Name)
	if err != nil {
		return err
	}
	services := s.Project.ServiceNames()
	chosen := slices.DeleteFunc(observed.Containers, func(c orchestrate.Container) bool { return c.OneOff || !slices.Contains(services, c.Service) })
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx)) // what containers print while they stop, too
	defer stopReading()
	printed := make(chan struct{})
	printer := &linePrinter{out: newBuffered(raw(a.Out), true), colour: colour(a.Out), pattern: everything}
	follower := eng.Follow()
	defer follower.Close()
	go func() { // ends with reading
		options := logs.Options{Project: s.Project.Name, Services: services, Follow: true, Tail: -1, Since: since.Format(time.RFC3339Nano)}
		if err := logs.Stream(reading, follower, options, printer.print); err != nil && reading.Err() == nil {
			a.tell("warning: reading logs: " + termtext.Safe(err.Error()))
		}
		close(printed)
	}()
	defer func() {
		wait(reading, lastLines)
		stopReading()
		<-printed
		_ = printer.out.Flush()
	}()
	code, ended := a.awaitEnd(ctx, eng, chosen, o.attach)
	if ended && !o.attach.abortOnExit && !o.attach.abortOnFailed && o.attach.exitCodeFrom == "" {
		return nil // all have ended by themselves
	}
	if ctx.Err() != nil {
		a.tell("stopping; press Ctrl-C again to kill")
		<-signals // the one that ended ctx
	}
	if err := a.stopAttached(eng, s, signals); err != nil {
		return err
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case code != 0:
		return exitError(code)
	}
	return nil
}

// awaitEnd waits until an end that matters, until all have ended, or for ctx.
func (a *app) awaitEnd(ctx context.Context, eng *engine.Engine, chosen []orchestrate.Container, o attachOptions) (code int, ended bool) {
	ends := awaitEnds(ctx, eng, chosen)
	for range chosen {
		select {
		case <-ctx.Done():
			return 0, false
		case e := <-ends:
			if ctx.Err() != nil || e.err != nil {
				return 0, false
			}
			a.tell(fmt.Sprintf("%s exited with code %d", termtext.Safe(replicaName(e.Service, e.Number)), e.code))
			switch {
			case o.exitCodeFrom == e.Service, o.abortOnExit && o.exitCodeFrom == "", o.abortOnFailed && e.code != 0:
				return int(e.code), true
			case o.exitCodeFrom != "" && o.abortOnExit:
				return int(e.code), true
			}
		}
	}
	return 0, true
}

// stopAttached stops the containers; a further Ctrl-C kills them.
func (a *app) stopAttached(eng *engine.Engine, s *stack.Stack, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	observed, err := orchestrate.Observe(ctx, eng, s.Project.Name)
	if err != nil {
		return err
	}
	choice := orchestrate.Choice{Services: present(observed, s.Project.ServiceNames())}
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

// seconds is a flag that takes a duration, or a number of seconds as docker compose does.
type seconds struct{ *time.Duration }

func (s seconds) String() string {
	if s.Duration == nil {
		return "0s"
	}
	return s.Duration.String()
}

// Type names what the flag takes, in the help.
func (seconds) Type() string { return "duration" }

// Set reads 90s, 1m30s or 90.
func (s seconds) Set(text string) error {
	if n, err := strconv.Atoi(text); err == nil {
		*s.Duration = time.Duration(n) * time.Second
		return nil
	}
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return fmt.Errorf("reading %q: use a duration such as 60s, or a number of seconds", text)
	}
	*s.Duration = d
	return nil
}
