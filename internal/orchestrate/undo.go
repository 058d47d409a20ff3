package orchestrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// undoer is an action that can be taken back.
type undoer interface {
	// undo lists what takes it back, whether it succeeded or not.
	undo() []Action
}

// ifThere is a step back, which leaves out what somebody has removed meanwhile.
type ifThere struct{ Action }

func (a ifThere) apply(ctx context.Context, w Writer) error {
	return a.applyTelling(ctx, w, func(string) {})
}

func (a ifThere) applyTelling(ctx context.Context, w Writer, tell func(string)) error {
	return ignoreGone(carryOut(ctx, w, a.Action, tell))
}

// UndoneError says that a plan failed and that everything was put back as it was before.
type UndoneError struct {
	Err   error
	Cards []Card // of what failed, which is gone now
}

func (e *UndoneError) Error() string {
	return e.Err.Error() + "; everything was put back as it was before"
}

// Unwrap returns the failure.
func (e *UndoneError) Unwrap() error { return e.Err }

// undoPlan lists, last first, what takes back the steps that were begun, as far as the last removal: removals come last, so
// that all before one has succeeded, and stays.
func undoPlan(plan *Plan, begun []bool) *Plan {
	back := &Plan{}
	for i, op := range slices.Backward(plan.Ops) {
		if !begun[i] {
			continue
		}
		if _, is := op.Action.(removeContainer); is {
			break
		}
		u, ok := op.Action.(undoer)
		if !ok {
			continue
		}
		for _, action := range u.undo() {
			var after []int
			if n := len(back.Ops); n > 0 {
				after = []int{n - 1}
			}
			back.add(op.Service, ifThere{action}, "going back", after...)
		}
	}
	return back
}

// goBack takes a failed plan back.
func goBack(ctx context.Context, w Writer, project string, plan *Plan, begun []bool, cause error, sink Sink) error {
	back := undoPlan(plan, begun)
	if back.Empty() {
		return cause
	}
	undone := &UndoneError{Err: cause, Cards: slices.DeleteFunc(Cards(ctx, w, project), func(c Card) bool {
		return !slices.ContainsFunc(plan.Ops, func(op Op) bool {
			started, ok := op.Action.(startContainer)
			return ok && started.Name == c.Container
		})
	})}
	for i := range undone.Cards {
		undone.Cards[i].Next = "change its image or configuration, and try again: `stackctl plan` shows what changes"
	}
	if err := Apply(ctx, w, back, sink); err != nil {
		return errors.Join(cause, fmt.Errorf("going back: %w", err))
	}
	return undone
}

// clear removes what a change has made so far of a stack that was taken away meanwhile, and starts nothing again.
func (u *upward) clear(ctx context.Context, cause error) error {
	back := undoPlan(u.plan, u.begun)
	removals := &Plan{}
	for _, op := range back.Ops {
		if removal, ok := op.Action.(ifThere).Action.(removeContainer); ok {
			removals.add(op.Service, removal, op.Cause)
		}
	}
	if err := Apply(ctx, u.w, removals, u.sink); err != nil {
		return errors.Join(cause, fmt.Errorf("removing what was made: %w", err))
	}
	return cause
}
