package planner

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// Choice says which containers of a project are meant, and how they end.
type Choice struct {
	Services []string       // none means all
	ID       string         // of the only container that is meant, in place of Services
	Grace    *time.Duration // to stop; nil is each container's own
	NoDeps   bool           // leave those alone that depend on what is restarted
	Signal   string         // of Kill; "" is SIGKILL
	Volumes  bool           // of Remove: their anonymous volumes go with them
}

// choose lists the containers that are meant, one-off ones left out unless one is named by its ID.
func choose(o *observe.Observed, c Choice) ([]observe.Container, error) {
	if c.ID == "" {
		return o.Choose(c.Services)
	}
	for _, container := range o.Containers {
		if container.ID == c.ID {
			return []observe.Container{container}, nil
		}
	}
	return nil, fmt.Errorf("finding container %q: project %q no longer has it", c.ID[:min(len(c.ID), 12)], o.Project)
}

// Stop stops containers: those in front first, then all others side by side.
func Stop(o *observe.Observed, c Choice) (*steps.Plan, error) {
	chosen, err := choose(o, c)
	if err != nil {
		return nil, err
	}
	plan := &steps.Plan{}
	addStops(plan, chosen, c, "stop")
	return plan, nil
}

// addStops adds the stops of containers that run, and returns them by container ID.
func addStops(p *steps.Plan, chosen []observe.Container, c Choice, cause string) map[string]int {
	stops := map[string]int{}
	var drained, fronts []int
	for _, isFront := range []bool{true, false} {
		for _, container := range chosen {
			if (container.Labels[label.Front] != "") != isFront || !container.Alive() {
				continue
			}
			stops[container.ID] = p.Add(container.Service, steps.StopContainer{Name: container.Name, ID: container.ID, Grace: c.Grace}, cause, drained...)
			if isFront {
				fronts = append(fronts, p.Add(container.Service, steps.DrainContainer{Name: container.Name, ID: container.ID}, cause))
			}
		}
		drained = fronts
	}
	return stops
}

// Start starts containers that do not run. One that depends on others of them starts when these are as it wants them.
func Start(o *observe.Observed, c Choice) (*steps.Plan, error) {
	chosen, err := choose(o, c)
	if err != nil {
		return nil, err
	}
	plan, being := &steps.Plan{}, map[string]int{}
	for _, container := range chosen {
		for _, stopped := range awaitStop(plan, container, o.Stops, "it is being stopped") {
			being[container.ID] = stopped
		}
	}
	addStarts(plan, chosen, being, "start")
	return plan, nil
}

// addStarts adds the starts of containers, each after what stopped it, in the order of their dependencies.
func addStarts(p *steps.Plan, chosen []observe.Container, stops map[string]int, cause string) {
	ready := map[string][]int{} // by service and condition
	for _, container := range byDependency(chosen) {
		stopped, isStopped := stops[container.ID]
		var after []int
		if isStopped {
			after = append(after, stopped)
		}
		for service, dependency := range container.DependsOn() {
			after = append(after, ready[service+" "+dependency.Condition]...)
		}
		var started int
		switch {
		case container.State == "paused" && !isStopped:
			started = p.Add(container.Service, steps.UnpauseContainer{Name: container.Name}, cause, sorted(after)...)
		case isStopped || !container.Running():
			started = p.Add(container.Service, steps.StartContainer{Name: container.Name}, cause, sorted(after)...)
		default:
			continue
		}
		for _, other := range chosen {
			dependency, ok := other.DependsOn()[container.Service]
			condition := dependency.Condition
			key := container.Service + " " + condition
			if !ok || condition == types.ServiceConditionStarted {
				ready[key] = append(ready[key], started)
				continue
			}
			var wait steps.Action = steps.AwaitReady{Name: container.Name, ID: container.ID}
			if condition == types.ServiceConditionCompletedSuccessfully {
				wait = steps.AwaitDependency{Name: container.Name, Condition: condition}
			}
			ready[key] = append(ready[key], p.Add(container.Service, wait, fmt.Sprintf("service %q depends on it: %s", other.Service, condition), started))
			break
		}
	}
}

// byDependency sorts containers so that each comes after those it depends on.
func byDependency(containers []observe.Container) []observe.Container {
	var ordered []observe.Container
	seen := map[string]bool{}
	var visit func(service string)
	visit = func(service string) {
		if seen[service] {
			return
		}
		seen[service] = true
		for _, c := range containers {
			if c.Service == service {
				for _, dependency := range slices.Sorted(maps.Keys(c.DependsOn())) {
					visit(dependency)
				}
			}
		}
		for _, c := range containers {
			if c.Service == service {
				ordered = append(ordered, c)
			}
		}
	}
	for _, c := range containers {
		visit(c.Service)
	}
	return ordered
}

// Restart stops and starts containers, and those of services that say `depends_on: {...: {restart: true}}` of them.
func Restart(o *observe.Observed, c Choice) (*steps.Plan, error) {
	chosen, err := choose(o, c)
	if err != nil {
		return nil, err
	}
	if len(c.Services) > 0 && !c.NoDeps {
		for _, container := range o.Containers {
			for service, dependency := range container.DependsOn() {
				if dependency.Restart && slices.Contains(c.Services, service) && !slices.Contains(c.Services, container.Service) && !container.OneOff {
					chosen = append(chosen, container)
					break
				}
			}
		}
	}
	plan := &steps.Plan{}
	addStarts(plan, chosen, addStops(plan, chosen, c, "restart"), "restart")
	return plan, nil
}

// Kill signals containers that run.
func Kill(o *observe.Observed, c Choice) (*steps.Plan, error) {
	return forEach(o, c, observe.Container.Alive, func(container observe.Container) steps.Action {
		return steps.KillContainer{Name: container.Name, ID: container.ID, Signal: c.Signal}
	}, "kill")
}

// Pause freezes containers that run.
func Pause(o *observe.Observed, c Choice) (*steps.Plan, error) {
	return forEach(o, c, func(c observe.Container) bool { return c.State == "running" }, func(c observe.Container) steps.Action { return steps.PauseContainer{Name: c.Name, ID: c.ID} }, "pause")
}

// Unpause lets paused containers go on.
func Unpause(o *observe.Observed, c Choice) (*steps.Plan, error) {
	return forEach(o, c, func(c observe.Container) bool { return c.State == "paused" }, func(c observe.Container) steps.Action { return steps.UnpauseContainer{Name: c.Name} }, "unpause")
}

func forEach(o *observe.Observed, c Choice, is func(observe.Container) bool, action func(observe.Container) steps.Action, cause string) (*steps.Plan, error) {
	chosen, err := choose(o, c)
	if err != nil {
		return nil, err
	}
	plan := &steps.Plan{}
	for _, container := range chosen {
		if is(container) {
			plan.Add(container.Service, action(container), cause)
		}
	}
	return plan, nil
}

// Remove removes containers that do not run, one-off ones too; with stop, all that are meant.
func Remove(o *observe.Observed, c Choice, stop bool) (*steps.Plan, error) {
	chosen, err := choose(o, c)
	if err != nil {
		return nil, err
	}
	for _, container := range o.Containers {
		if container.OneOff && !container.Helper() && (len(c.Services) == 0 || slices.Contains(c.Services, container.Service)) {
			chosen = append(chosen, container)
		}
	}
	plan := &steps.Plan{}
	stops := map[string]int{}
	if stop {
		stops = addStops(plan, chosen, c, "rm --stop")
	}
	for _, container := range chosen {
		stopped, isStopped := stops[container.ID]
		switch {
		case isStopped:
			plan.Add(container.Service, removal(container, false, c.Volumes), "rm", stopped)
		case !container.Alive():
			plan.Add(container.Service, removal(container, false, c.Volumes), "rm")
		}
	}
	return plan, nil
}

// awaitStop adds the wait for a container that is being stopped, if it is.
func awaitStop(p *steps.Plan, c observe.Container, being observe.Stopping, cause string) (after []int) {
	until, ok := being.Until[c.ID]
	if !ok {
		return nil
	}
	return []int{p.Add(c.Service, steps.AwaitStopped{Name: c.Name, ID: c.ID, Until: until}, cause)}
}
