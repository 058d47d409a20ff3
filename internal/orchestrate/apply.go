package orchestrate

import (
	"context"
	"errors"
	"time"

	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"
)

// maxParallel bounds the calls under way at once: more only queue up in the engine.
const maxParallel = 16

// errSkipped marks a step whose precondition failed.
var errSkipped = errors.New("skipped: a step before it failed")

// warning is the error of a step that has done what it was to do as far as it could, and after which the plan goes on.
type warning string

func (w warning) Error() string { return string(w) }

// Apply carries out the plan: every step as soon as those before it have succeeded. It decides nothing. A step that
// fails stops those after it, and no others; all failures are returned together.
func Apply(ctx context.Context, w Writer, plan *Plan, sink Sink) error {
	_, err := apply(ctx, w, plan, sink)
	return err
}

// apply also tells which steps were begun.
func apply(ctx context.Context, w Writer, plan *Plan, sink Sink) (begun []bool, err error) {
	begun = make([]bool, len(plan.Ops))
	done := make([]chan struct{}, len(plan.Ops))
	errs := make([]error, len(plan.Ops))
	for i := range done {
		done[i] = make(chan struct{})
	}
	slots := make(chan struct{}, maxParallel)
	var group errgroup.Group
	for i, op := range plan.Ops {
		group.Go(func() error {
			defer close(done[i])
			errs[i] = await(ctx, op, done, errs)
			if errs[i] == nil {
				errs[i] = step(ctx, w, op, slots, sink)
				begun[i] = !refused(op.Action, errs[i])
			} else if errors.Is(errs[i], errSkipped) {
				sink.send(Event{Kind: EventSkipped, Verb: op.Action.Verb(), Object: op.Action.Object(), Service: op.Service})
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
func refused(a Action, err error) bool {
	switch a.(type) {
	case createContainer, keepRevision:
		return errdefs.IsConflict(err)
	}
	return false
}

// await waits for the steps before this one.
func await(ctx context.Context, op Op, done []chan struct{}, errs []error) error {
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

// step makes one call, within its limit.
func step(ctx context.Context, w Writer, op Op, slots chan struct{}, sink Sink) error {
	if !mostlyWaits(op.Action) { // a wait leaves the engine to the others
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	event := Event{Verb: op.Action.Verb(), Object: op.Action.Object(), Service: op.Service, Cause: op.Cause}
	event.Kind = EventStarted
	sink.send(event)
	begin := time.Now()
	limited, cancel := ctx, context.CancelFunc(func() {})
	if limit := op.Action.limit(); limit > 0 {
		limited, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	err := carryOut(limited, w, op.Action, func(detail string) {
		told := event
		told.Kind, told.Detail, told.Elapsed = EventProgress, detail, time.Since(begin)
		sink.send(told)
	})
	event.Elapsed = time.Since(begin)
	if said := warning(""); errors.As(err, &said) {
		sink.send(Event{Kind: EventWarning, Verb: event.Verb, Object: event.Object, Service: event.Service, Detail: string(said)})
		err = nil
	}
	if err == nil {
		event.Kind = EventDone
		sink.send(event)
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if limited.Err() != nil && errors.Is(err, context.DeadlineExceeded) {
		err = NoAnswer(op.Action.limit())
	}
	err = stepError(op.Action, err)
	event.Kind, event.Err = EventFailed, err
	sink.send(event)
	return err
}

func carryOut(ctx context.Context, w Writer, a Action, tell func(detail string)) error {
	if t, ok := a.(telling); ok {
		return t.applyTelling(ctx, w, tell)
	}
	return a.apply(ctx, w)
}

// mostlyWaits tells the steps that may take long without work for the engine.
func mostlyWaits(a Action) bool {
	if back, ok := a.(ifThere); ok {
		a = back.Action
	}
	switch a.(type) {
	case waitContainer, readyContainer, awaitStopped, stopContainer, drainContainer, pause, *reloadContainer:
		return true
	}
	return false
}
