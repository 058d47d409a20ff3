package orchestrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// undoer is an action that can be taken back.
type undoer interface {
	// undo lists what takes it back, whether it succeeded or not.
	undo() []Action
}

// UndoneError says that a plan failed and that everything was put back as it was before, but for some services.
type UndoneError struct {
	Err   error
	Left  []string // services that stay as they are by now, since a container of theirs was removed already
	Cards []Card   // of what failed, which is gone now
}

func (e *UndoneError) Error() string {
	text := e.Err.Error() + "; everything was put back as it was before"
	if len(e.Left) > 0 {
		text += ", except service " + strings.Join(e.Left, ", ")
	}
	return text
}

// Unwrap returns the failure.
func (e *UndoneError) Unwrap() error { return e.Err }

// undoPlan lists, last first, what takes back the steps that were begun, but for the services that are left.
func undoPlan(plan *Plan, begun []bool) (back *Plan, left map[string]bool) {
	back, left = &Plan{}, passed(plan, begun)
	for i := len(plan.Ops) - 1; i >= 0; i-- {
		op := plan.Ops[i]
		u, ok := op.Action.(undoer)
		if reload, is := op.Action.(*reloadContainer); !ok || !begun[i] || left[op.Service] || is && reload.leadsToOne(left) {
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
	return back, left
}

// passed finds the services that cannot go back: those of which a container is gone for good, and those to which a front
// leads together with such a one, since it goes on with the config that it has.
func passed(plan *Plan, begun []bool) map[string]bool {
	left := map[string]bool{}
	for before := -1; len(left) > before; {
		before = len(left)
		for i, op := range plan.Ops {
			if !begun[i] {
				continue
			}
			switch action := op.Action.(type) {
			case removeContainer:
				left[op.Service] = true
			case *reloadContainer:
				for _, service := range action.LeadsTo {
					left[service] = left[service] || action.leadsToOne(left)
				}
			}
		}
		maps.DeleteFunc(left, func(_ string, is bool) bool { return !is })
	}
	return left
}

// goBack takes a failed plan back.
func goBack(ctx context.Context, w Writer, project string, plan *Plan, begun []bool, cause error, sink Sink) error {
	if ctx.Err() != nil {
		return cause // who interrupts wants to have no more done; the next run finds its way from here
	}
	back, left := undoPlan(plan, begun)
	if back.Empty() {
		return cause
	}
	undone := &UndoneError{Err: cause, Left: slices.Sorted(maps.Keys(left)), Cards: slices.DeleteFunc(Cards(ctx, w, project), func(c Card) bool {
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
	back, _ := undoPlan(u.plan, u.begun)
	removals := &Plan{}
	for _, op := range back.Ops {
		if removal, ok := op.Action.(removeContainer); ok {
			removals.add(op.Service, removal, op.Cause)
		}
	}
	if err := Apply(ctx, u.w, removals, u.sink); err != nil {
		return errors.Join(cause, fmt.Errorf("removing what was made: %w", err))
	}
	return cause
}
