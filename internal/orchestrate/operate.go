package orchestrate

import (
	"fmt"
	"slices"
)

// An Operation is what can be done with one container as it is.
type Operation string

// The operations.
const (
	OperationStart   Operation = "start"
	OperationStop    Operation = "stop"
	OperationRestart Operation = "restart"
)

// PlanOperation plans an operation on one container. One that is already as it should be leaves nothing to do. The container keeps its
// address, so that nginx finds it again.
func PlanOperation(o *Observed, id string, operation Operation) (*Plan, error) {
	i := slices.IndexFunc(o.Containers, func(c Container) bool { return c.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("planning to %s container %q: project %q no longer has it", operation, id[:min(len(id), 12)], o.Project)
	}
	c, plan := o.Containers[i], &Plan{}
	cause := string(operation)
	var after []int
	if operation == OperationStart {
		after = plan.awaitStop(c, o.stops, "it is being stopped")
	} else if c.alive() {
		after = append(after, plan.add(c.Service, stopContainer{Name: c.Name, ID: c.ID}, cause))
	}
	switch {
	case operation == OperationStop:
	case operation == OperationStart && c.State == "paused":
		plan.add(c.Service, unpauseContainer{Name: c.Name}, cause)
	case operation == OperationRestart || !c.Running() || len(after) > 0:
		plan.add(c.Service, startContainer{Name: c.Name}, cause, after...)
	}
	return plan, nil
}
