// Package steps is what a plan consists of: steps as data, each with its cause and what it comes after, and what takes it back. A step
// knows no engine; package apply makes its call.
package steps

import (
	"fmt"
	"slices"
	"strings"
)

// Action is one call to the engine. What it needs was decided when it was planned.
type Action interface {
	Verb() string   // such as "create container"
	Object() string // the object's name
}

// Gerund turns "create" into "creating" and "stop" into "stopping".
func Gerund(verb string) string {
	switch {
	case verb == "stop":
		return "stopping"
	case strings.HasSuffix(verb, "e"):
		return strings.TrimSuffix(verb, "e") + "ing"
	}
	return verb + "ing"
}

// Op is one step of a plan: one action, why it is needed, and which steps must have succeeded before it.
type Op struct {
	Action  Action
	Cause   string
	After   []int  // indexes into Plan.Ops
	Service string // "" for networks and volumes
}

// Plan is a list of steps in an order that respects After. It prints as text that people read and tests compare.
type Plan struct {
	Ops      []Op
	Changes  []Change // what the steps do to each object, those that stay included; only planner.Up lists them
	Warnings []string
	// Kept counts the containers that stay as they are.
	Kept int
	// Undoable says that old replicas stay until all new ones serve, so that a failure can go back to them.
	Undoable bool
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Ops) == 0 }

// Resources is the part of a plan that makes networks and volumes.
func (p *Plan) Resources() *Plan {
	resources := &Plan{}
	for _, op := range p.Ops {
		switch op.Action.(type) {
		case CreateNetwork, CreateVolume:
			if len(op.After) == 0 {
				resources.Add(op.Service, op.Action, op.Cause)
			}
		}
	}
	return resources
}

// Created is the part of a plan that makes what is missing, and starts and changes nothing.
func (p *Plan) Created() *Plan {
	created := &Plan{}
	index := map[int]int{} // of the steps that are part of it
	for i, op := range p.Ops {
		switch op.Action.(type) {
		case CreateNetwork, CreateVolume, CreateContainer, ConnectNetwork, WriteFiles:
		default:
			continue
		}
		var after []int
		whole := true
		for _, before := range op.After {
			n, ok := index[before]
			whole = whole && ok
			after = append(after, n)
		}
		if whole { // what needs a change first is left to up
			index[i] = created.Add(op.Service, op.Action, op.Cause, after...)
		}
	}
	return created
}

// Objects lists what the steps of a kind act on.
func (p *Plan) Objects(verb string) []string {
	var objects []string
	for _, op := range p.Ops {
		if op.Action.Verb() == verb {
			objects = append(objects, op.Action.Object())
		}
	}
	return objects
}

// Add appends a step and returns its index.
func (p *Plan) Add(service string, action Action, cause string, after ...int) int {
	p.Ops = append(p.Ops, Op{Action: action, Cause: cause, After: after, Service: service})
	return len(p.Ops) - 1
}

// Follow appends a plan that was made when the first one could not be carried out to its end; begun are its steps that were.
func (p *Plan) Follow(next *Plan, begun []bool) {
	shift := len(p.Ops)
	for _, op := range next.Ops {
		op.After = slices.Clone(op.After)
		for i := range op.After {
			op.After[i] += shift
		}
		p.Ops = append(p.Ops, op)
	}
	changes := next.Changes
	if len(p.Changes) > 0 && !slices.Contains(begun, true) {
		changes = nil // it has changed nothing
	}
	for _, change := range changes {
		i := slices.IndexFunc(p.Changes, func(c Change) bool { return c.Kind == change.Kind && c.Object == change.Object })
		switch {
		case i < 0:
			p.Changes = append(p.Changes, change)
		case p.Changes[i].Action == "keep":
			p.Changes[i] = change
		}
	}
	p.Warnings, p.Kept, p.Undoable = next.Warnings, next.Kept, p.Undoable || next.Undoable
}

// All lists the steps.
func (p *Plan) All() []int {
	steps := make([]int, len(p.Ops))
	for i := range steps {
		steps[i] = i
	}
	return steps
}

// Last leaves out the steps that another one of them awaits.
func (p *Plan) Last(steps []int) []int {
	awaited := map[int]bool{}
	for _, i := range slices.Backward(steps) {
		for _, before := range p.Ops[i].After {
			awaited[before] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(steps), func(i int) bool { return awaited[i] })
}

// String prints a step a line: number, what, object, cause, and what it waits for.
func (p *Plan) String() string {
	var b strings.Builder
	for i, op := range p.Ops {
		fmt.Fprintf(&b, "%2d %s %s: %s", i+1, op.Action.Verb(), op.Action.Object(), op.Cause)
		if len(op.After) > 0 {
			numbers := make([]string, len(op.After))
			for j, n := range op.After {
				numbers[j] = fmt.Sprint(n + 1)
			}
			fmt.Fprintf(&b, " (after %s)", strings.Join(numbers, ", "))
		}
		b.WriteByte('\n')
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	return b.String()
}
