// Package apply carries out plans on an engine: each step as soon as those before it have succeeded. It decides nothing.
package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/ready"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// stepError says which step failed.
func stepError(a steps.Action, err error) error {
	verb, noun, _ := strings.Cut(a.Verb(), " ")
	return fmt.Errorf("%s %s %q: %w", steps.Gerund(verb), noun, a.Object(), err)
}

// MaxParallel bounds the calls under way at once: more only queue up in the engine.
const MaxParallel = 16

// errSkipped marks a step whose precondition failed.
var errSkipped = errors.New("skipped: a step before it failed")

// warning is the error of a step that has done what it was to do as far as it could, and after which the plan goes on.
type warning string

func (w warning) Error() string { return string(w) }

// Plan carries out the plan: every step as soon as those before it have succeeded. It decides nothing. A step that
// fails stops those after it, and no others; all failures are returned together.
func Plan(ctx context.Context, w Engine, plan *steps.Plan, sink report.Sink) error {
	_, err := Attempt(ctx, w, plan, sink)
	return err
}

// Attempt is Apply, and also tells which steps were begun.
func Attempt(ctx context.Context, w Engine, plan *steps.Plan, sink report.Sink) (begun []bool, err error) {
	begun = make([]bool, len(plan.Ops))
	done := make([]chan struct{}, len(plan.Ops))
	errs := make([]error, len(plan.Ops))
	for i := range done {
		done[i] = make(chan struct{})
	}
	slots := make(chan struct{}, MaxParallel)
	var group errgroup.Group
	for i, op := range plan.Ops {
		group.Go(func() error {
			defer close(done[i])
			errs[i] = await(ctx, op, done, errs)
			if errs[i] == nil {
				errs[i] = step(ctx, w, op, slots, sink)
				begun[i] = !refused(op.Action, errs[i])
			} else if errors.Is(errs[i], errSkipped) {
				sink.Send(report.Event{Kind: report.Skipped, Verb: op.Action.Verb(), Object: op.Action.Object(), Service: op.Service})
			}
			return nil
		})
	}
	_ = group.Wait()
	if ctx.Err() != nil {
		return begun, ctx.Err()
	}
	var failed []error
	for _, err := range errs {
		if err != nil && !errors.Is(err, errSkipped) {
			failed = append(failed, err)
		}
	}
	return begun, errors.Join(failed...)
}

// refused reports whether the engine has not begun to create something, since another command has taken the name.
func refused(a steps.Action, err error) bool {
	switch a.(type) {
	case steps.CreateContainer, steps.KeepRevision:
		return errdefs.IsConflict(err)
	}
	return false
}

// await waits for the steps before this one.
func await(ctx context.Context, op steps.Op, done []chan struct{}, errs []error) error {
	for _, before := range op.After {
		select {
		case <-done[before]:
		case <-ctx.Done():
			return ctx.Err()
		}
		if errs[before] != nil {
			return errSkipped
		}
	}
	return ctx.Err()
}

// step carries out one action.
func step(ctx context.Context, w Engine, op steps.Op, slots chan struct{}, sink report.Sink) error {
	if !mostlyWaits(op.Action) { // a wait leaves the engine to the others
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	event := report.Event{Verb: op.Action.Verb(), Object: op.Action.Object(), Service: op.Service, Cause: op.Cause}
	event.Kind = report.Started
	sink.Send(event)
	begin := time.Now()
	err := carryOut(ctx, w, op.Action, func(detail string) {
		told := event
		told.Kind, told.Detail, told.Elapsed = report.Progress, detail, time.Since(begin)
		sink.Send(told)
	})
	event.Elapsed = time.Since(begin)
	if said := warning(""); errors.As(err, &said) {
		sink.Send(report.Event{Kind: report.Warning, Verb: event.Verb, Object: event.Object, Service: event.Service, Detail: string(said)})
		err = nil
	}
	if err == nil {
		event.Kind = report.Done
		sink.Send(event)
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = stepError(op.Action, err)
	event.Kind, event.Err = report.Failed, err
	sink.Send(event)
	return err
}

// carryOut makes the call that a step stands for.
func carryOut(ctx context.Context, w Engine, a steps.Action, tell func(detail string)) error {
	switch a := a.(type) {
	case steps.CreateVolume:
		_, err := w.VolumeCreate(ctx, a.Options)
		return err
	case steps.RemoveVolume:
		return observe.IgnoreGone(w.VolumeRemove(ctx, a.Name, false))
	case steps.CreateNetwork:
		return createNetwork(ctx, w, a)
	case steps.ConnectNetwork:
		return w.NetworkConnect(ctx, a.Network, a.Container, a.Endpoint)
	case *steps.LeaveNetwork:
		return leaveNetwork(ctx, w, a)
	case steps.JoinNetwork:
		return joinNetwork(ctx, w, a)
	case steps.RemoveNetwork:
		return removeNetwork(ctx, w, a)
	case steps.RemoveImage:
		return removeImage(ctx, w, a)
	case steps.KeepRevision:
		return keepRevision(ctx, w, a)
	case steps.DropRevision:
		return observe.IgnoreGone(w.ContainerRemove(ctx, a.Name, container.RemoveOptions{RemoveVolumes: true}))
	case steps.IfThere:
		return observe.IgnoreGone(carryOut(ctx, w, a.Action, tell))
	}
	return onContainer(ctx, w, a, tell)
}

// onContainer is carryOut for what is done to one container, or waited for.
func onContainer(ctx context.Context, w Engine, a steps.Action, tell func(detail string)) error {
	switch a := a.(type) {
	case steps.CreateContainer:
		return createContainer(ctx, w, a)
	case steps.WriteFiles:
		return writeFiles(ctx, w, a)
	case steps.StartContainer:
		return w.ContainerStart(ctx, cmp.Or(a.ID, a.Name), container.StartOptions{})
	case steps.PauseContainer:
		return w.ContainerPause(ctx, a.ID)
	case steps.UnpauseContainer:
		return w.ContainerUnpause(ctx, a.Name)
	case steps.KillContainer:
		return killContainer(ctx, w, a)
	case *steps.ReloadContainer:
		return reloadContainer(ctx, w, a)
	case steps.StopContainer:
		return stopContainer(ctx, w, a)
	case steps.DrainContainer:
		return drainContainer(ctx, w, a)
	case steps.RenameContainer:
		return renameContainer(ctx, w, a)
	case steps.RemoveContainer:
		return removeContainer(ctx, w, a)
	case steps.AwaitStopped:
		return awaitStopped(ctx, w, a, tell)
	case steps.AwaitDependency:
		return ready.Dependency(ctx, w, a, tell)
	case steps.AwaitReady:
		return ready.Replica(ctx, w, a, tell)
	case steps.Pause:
		return pause(ctx, w, a)
	}
	return fmt.Errorf("carrying out a step: %T is unknown", a)
}

// mostlyWaits tells the steps that may take long without work for the engine.
func mostlyWaits(a steps.Action) bool {
	if back, ok := a.(steps.IfThere); ok {
		a = back.Action
	}
	switch a.(type) {
	case steps.AwaitDependency, steps.AwaitReady, steps.AwaitStopped, steps.StopContainer, steps.DrainContainer, steps.Pause, *steps.ReloadContainer:
		return true
	}
	return false
}
