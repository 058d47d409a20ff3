package orchestrate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

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

// goBack takes a failed plan back.
func goBack(ctx context.Context, w apply.Engine, project string, plan *steps.Plan, begun []bool, cause error, sink report.Sink) error {
	back := steps.UndoPlan(plan, begun)
	if back.Empty() {
		return cause
	}
	undone := &UndoneError{Err: cause, Cards: slices.DeleteFunc(Cards(ctx, w, project), func(c Card) bool {
		return !slices.ContainsFunc(plan.Ops, func(op steps.Op) bool {
			started, ok := op.Action.(steps.StartContainer)
			return ok && started.Name == c.Container
		})
	})}
	for i := range undone.Cards {
		undone.Cards[i].Next = "change its image or configuration, and try again: `stackctl plan` shows what changes"
	}
	if err := apply.Plan(ctx, w, back, sink); err != nil {
		return errors.Join(cause, fmt.Errorf("going back: %w", err))
	}
	return undone
}

// clear removes what a change has made so far of a stack that was taken away meanwhile, and starts nothing again.
func (u *upward) clear(ctx context.Context, cause error) error {
	back := steps.UndoPlan(u.plan, u.begun)
	removals := &steps.Plan{}
	for _, op := range back.Ops {
		if removal, ok := op.Action.(steps.IfThere).Action.(steps.RemoveContainer); ok {
			removals.Add(op.Service, removal, op.Cause)
		}
	}
	if err := apply.Plan(ctx, u.w, removals, u.sink); err != nil {
		return errors.Join(cause, fmt.Errorf("removing what was made: %w", err))
	}
	return cause
}
