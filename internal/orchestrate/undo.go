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

// undoPlan lists, last first, what takes back the steps that were begun; nil when there is nothing to take back, or a
// container is gone for good already.
func undoPlan(plan *Plan, begun []bool) *Plan {
	back := &Plan{}
	for i := len(plan.Ops) - 1; i >= 0; i-- {
		op := plan.Ops[i]
		if !begun[i] {
			continue
		}
		if _, gone := op.Action.(removeContainer); gone {
			return nil
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
			back.add(op.Service, action, "going back", after...)
		}
	}
	if back.Empty() {
		return nil
	}
	return back
}

// goBack takes a failed plan back.
func goBack(ctx context.Context, w Writer, project string, plan *Plan, begun []bool, cause error, sink Sink) error {
	if ctx.Err() != nil {
		return cause // who interrupts wants to have no more done; the next run finds its way from here
	}
	back := undoPlan(plan, begun)
	if back == nil {
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
