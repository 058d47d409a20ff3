package steps

import (
	"slices"
)

// undoer is an action that can be taken back.
type undoer interface {
	// undo lists what takes it back, whether it succeeded or not.
	undo() []Action
}

// IfThere is a step back, which leaves out what somebody has removed meanwhile.
type IfThere struct{ Action }

// UndoPlan lists, last first, what takes back the steps that were begun, as far as the last removal: removals come last, so
// that all before one has succeeded, and stays.
func UndoPlan(plan *Plan, begun []bool) *Plan {
	back := &Plan{}
	for i, op := range slices.Backward(plan.Ops) {
		if !begun[i] {
			continue
		}
		if _, is := op.Action.(RemoveContainer); is {
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
			back.Add(op.Service, IfThere{action}, "going back", after...)
		}
	}
	return back
}
