package orchestrate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Choice says which containers of a project are meant, and how they end.
type Choice struct {
	Services []string       // none means all
	Grace    *time.Duration // to stop; nil is each container's own
	NoDeps   bool           // leave those alone that depend on what is restarted
	Signal   string         // of PlanKill; "" is SIGKILL
	Volumes  bool           // of PlanRemove: their anonymous volumes go with them
}

// choose lists the containers that are meant, one-off ones left out.
func (o *Observed) choose(c Choice) ([]Container, error) {
	known := map[string]bool{}
	var found []Container
	for _, container := range o.Containers {
		if container.OneOff {
			continue
		}
		known[container.Service] = true
		if len(c.Services) == 0 || slices.Contains(c.Services, container.Service) {
			found = append(found, container)
		}
	}
	for _, service := range c.Services {
		if !known[service] {
			return nil, fmt.Errorf("finding service %q: project %q has containers of %s; `stackctl up` makes others", service, o.Project, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return found, nil
}

// Choose lists the containers of services, of all where none is named; one-off ones are left out.
func (o *Observed) Choose(services []string) ([]Container, error) {
	return o.choose(Choice{Services: services})
}

// PlanStop stops containers: those in front first, then all others side by side.
func PlanStop(o *Observed, c Choice) (*Plan, error) {
	chosen, err := o.choose(c)
	if err != nil {
		return nil, err
	}
	plan := &Plan{}
	plan.stop(chosen, c, "stop")
	return plan, nil
}

// stop adds the stops of containers that run, and returns them by container ID.
func (p *Plan) stop(chosen []Container, c Choice, cause string) map[string]int {
	stops := map[string]int{}
	var drained, fronts []int
	for _, isFront := range []bool{true, false} {
		for _, container := range chosen {
			if (container.Labels[LabelFront] != "") != isFront || !container.alive() {
				continue
			}
			stops[container.ID] = p.add(container.Service, stopContainer{Name: container.Name, ID: container.ID, Grace: c.Grace}, cause, drained...)
			if isFront {
				fronts = append(fronts, p.add(container.Service, drainContainer{Name: container.Name, ID: container.ID}, cause))
			}
		}
		drained = fronts
	}
	return stops
}

// PlanStart starts containers that do not run. One that depends on others of them starts when these are as it wants them.
func PlanStart(o *Observed, c Choice) (*Plan, error) {
	chosen, err := o.choose(c)
	if err != nil {
		return nil, err
	}
	plan, being := &Plan{}, map[string]int{}
	for _, container := range chosen {
		for _, stopped := range plan.awaitStop(container, o.stops, "it is being stopped") {
			being[container.ID] = stopped
		}
	}
	plan.start(chosen, being, "start")
	return plan, nil
}

// start adds the starts of containers, each after what stopped it, in the order of their dependencies.
func (p *Plan) start(chosen []Container, stops map[string]int, cause string) {
	ready := map[string][]int{} // by service and condition
	for _, container := range byDependency(chosen) {
		stopped, isStopped := stops[container.ID]
		var after []int
		if isStopped {
			after = append(after, stopped)
		}
		for service, condition := range dependencies(container) {
			after = append(after, ready[service+" "+condition]...)
		}
		var started int
		switch {
		case container.State == "paused" && !isStopped:
			started = p.add(container.Service, unpauseContainer{Name: container.Name}, cause, sorted(after)...)
		case isStopped || !container.Running():
			started = p.add(container.Service, startContainer{Name: container.Name}, cause, sorted(after)...)
		default:
			continue
		}
		for _, other := range chosen {
			condition, ok := dependencies(other)[container.Service]
			key := container.Service + " " + condition
			if !ok || condition == types.ServiceConditionStarted {
				ready[key] = append(ready[key], started)
				continue
			}
			var wait Action = readyContainer{Name: container.Name, ID: container.ID}
			if condition == types.ServiceConditionCompletedSuccessfully {
				wait = waitContainer{Name: container.Name, Condition: condition}
			}
			ready[key] = append(ready[key], p.add(container.Service, wait, fmt.Sprintf("service %q depends on it: %s", other.Service, condition), started))
			break
		}
	}
}

// dependencies are the services that a container's service depends on, with the condition, from its label.
func dependencies(c Container) map[string]string {
	found := map[string]string{}
	for part := range strings.SplitSeq(c.Labels[LabelDependsOn], ",") {
		fields := strings.Split(part, ":")
		if fields[0] == "" {
			continue
		}
		found[fields[0]] = types.ServiceConditionStarted
		if len(fields) > 1 && fields[1] != "" {
			found[fields[0]] = fields[1]
		}
	}
	return found
}

// byDependency sorts containers so that each comes after those it depends on.
func byDependency(containers []Container) []Container {
	var ordered []Container
	seen := map[string]bool{}
	var visit func(service string)
	visit = func(service string) {
		if seen[service] {
			return
		}
		seen[service] = true
		for _, c := range containers {
			if c.Service == service {
				for _, dependency := range slices.Sorted(maps.Keys(dependencies(c))) {
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

// PlanRestart stops and starts containers, and those of services that say `depends_on: {...: {restart: true}}` of them.
func PlanRestart(o *Observed, c Choice) (*Plan, error) {
	chosen, err := o.choose(c)
	if err != nil {
		return nil, err
	}
	if len(c.Services) > 0 && !c.NoDeps {
		for _, container := range o.Containers {
			for part := range strings.SplitSeq(container.Labels[LabelDependsOn], ",") {
				fields := strings.Split(part, ":")
				if len(fields) == 3 && fields[2] == "true" && slices.Contains(c.Services, fields[0]) && !slices.Contains(c.Services, container.Service) && !container.OneOff {
					chosen = append(chosen, container)
					break
				}
			}
		}
	}
	plan := &Plan{}
	plan.start(chosen, plan.stop(chosen, c, "restart"), "restart")
	return plan, nil
}

// PlanKill signals containers that run.
func PlanKill(o *Observed, c Choice) (*Plan, error) {
	return o.forEach(c, Container.alive, func(container Container) Action {
		return killContainer{Name: container.Name, ID: container.ID, Signal: c.Signal}
	}, "kill")
}

// PlanPause freezes containers that run.
func PlanPause(o *Observed, c Choice) (*Plan, error) {
	return o.forEach(c, func(c Container) bool { return c.State == "running" }, func(c Container) Action { return pauseContainer{Name: c.Name, ID: c.ID} }, "pause")
}

// PlanUnpause lets paused containers go on.
func PlanUnpause(o *Observed, c Choice) (*Plan, error) {
	return o.forEach(c, func(c Container) bool { return c.State == "paused" }, func(c Container) Action { return unpauseContainer{Name: c.Name} }, "unpause")
}

func (o *Observed) forEach(c Choice, is func(Container) bool, action func(Container) Action, cause string) (*Plan, error) {
	chosen, err := o.choose(c)
	if err != nil {
		return nil, err
	}
	plan := &Plan{}
	for _, container := range chosen {
		if is(container) {
			plan.add(container.Service, action(container), cause)
		}
	}
	return plan, nil
}

// PlanRemove removes containers that do not run, one-off ones too; with stop, all that are meant.
func PlanRemove(o *Observed, c Choice, stop bool) (*Plan, error) {
	chosen, err := o.choose(c)
	if err != nil {
		return nil, err
	}
	for _, container := range o.Containers {
		if container.OneOff && !container.Helper() && (len(c.Services) == 0 || slices.Contains(c.Services, container.Service)) {
			chosen = append(chosen, container)
		}
	}
	plan := &Plan{}
	stops := map[string]int{}
	if stop {
		stops = plan.stop(chosen, c, "rm --stop")
	}
	for _, container := range chosen {
		stopped, isStopped := stops[container.ID]
		switch {
		case isStopped:
			plan.add(container.Service, container.removal(false, c.Volumes), "rm", stopped)
		case !container.alive():
			plan.add(container.Service, container.removal(false, c.Volumes), "rm")
		}
	}
	return plan, nil
}

// killContainer sends a signal.
type killContainer struct {
	bounded
	Name, ID, Signal string
}

func (a killContainer) Verb() string   { return "kill container" }
func (a killContainer) Object() string { return a.Name }
func (a killContainer) apply(ctx context.Context, w Writer) error {
	err := w.ContainerKill(ctx, a.ID, a.Signal)
	if notRunning(err) {
		return nil // it has ended meanwhile
	}
	return err
}

type pauseContainer struct {
	bounded
	Name, ID string
}

func (a pauseContainer) Verb() string   { return "pause container" }
func (a pauseContainer) Object() string { return a.Name }
func (a pauseContainer) apply(ctx context.Context, w Writer) error {
	return w.ContainerPause(ctx, a.ID)
}
