package planner

import (
	"fmt"
	"strconv"
	"strings"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// planRemovals removes what nobody wants any more, and gives the new replicas their names. It comes last: until all else has
// succeeded, a failure can go back to what was there.
func (p *planner) planRemovals(services []string) {
	if p.options.AwaitReady {
		for _, name := range services {
			for _, d := range p.decisions[name] {
				if d.fate == replace {
					p.ready(d)
				}
			}
		}
	}
	leavers := p.leavers(services)
	succeeded := p.plan.Last(p.plan.All())
	for _, l := range leavers {
		if _, stopped := p.made.stops[l.ID]; !stopped && l.Running() {
			p.plan.Add(l.Service, steps.StopContainer{Name: l.Name, ID: l.ID}, l.cause, succeeded...)
		}
	}
	p.made.succeeded = p.plan.Last(p.plan.All())
	for _, l := range leavers {
		p.remove(l.Container, l.cause)
	}
	p.planRenames(services)
	p.planDrops()
}

// remove removes a container that was stopped.
func (p *planner) remove(c observe.Container, cause string) {
	// One that was never started may be starting right now, for a run that was ended.
	kill := c.State == "paused" || c.State == "dead" || c.State == "created"
	p.made.removals[c.ID] = p.plan.Add(c.Service, removal(c, kill, false), cause, p.made.succeeded...)
}

// vacate stops a container whose place another one takes, when that has only to be started: until then it serves, and until
// the other one runs it can start again.
func (p *planner) vacate(c observe.Container, cause string, after ...int) []int {
	if stopped, ok := p.made.stops[c.ID]; ok {
		return []int{stopped}
	}
	if !c.Alive() && c.State != "created" { // which may be starting right now, for a run that was ended
		return nil
	}
	p.plan.Undoable = true
	p.made.stops[c.ID] = p.plan.Add(c.Service, steps.StopContainer{Name: c.Name, ID: c.ID, Was: c.State}, cause, sorted(after)...)
	return []int{p.made.stops[c.ID]}
}

// leaver is a container that goes, and that no other one replaces.
type leaver struct {
	observe.Container
	cause string
}

// leavers lists surplus replicas, and the containers of services that are gone.
func (p *planner) leavers(order []string) (leavers []leaver) {
	for _, name := range order {
		for _, c := range p.observed.Of(name) {
			if !p.isReplica(c) {
				leavers = append(leavers, leaver{c, "service " + strconv.Quote(name) + " has " + strconv.Itoa(len(p.decisions[name])) + " replicas"})
			}
		}
	}
	var orphans []string
	for _, c := range p.observed.Containers {
		switch {
		case !p.isOrphan(c):
		case p.removesOrphan(c):
			leavers = append(leavers, leaver{c, p.orphanCause(c)})
		default:
			orphans = append(orphans, c.Name)
		}
	}
	if len(orphans) > 0 {
		p.plan.Warnings = append(p.plan.Warnings, "containers of services that the Compose file does not have: "+strings.Join(orphans, ", ")+"; --remove-orphans removes them")
	}
	return leavers
}

// freePorts stops, before a start, those of the project's containers that go anyway and hold a port or an address that the
// started one needs.
func (p *planner) freePorts(d decision) []int {
	var freed []int
	for _, c := range p.observed.Containers {
		if d.old != nil && c.ID == d.old.ID || !p.goes(c) || !d.needsPlaceOf(c) {
			continue
		}
		freed = append(freed, p.vacate(c, "service "+strconv.Quote(d.service.Name)+" needs its port or address")...)
	}
	return freed
}

// goes reports whether the container does not outlive the plan.
func (p *planner) goes(c observe.Container) bool {
	if d, ok := p.replica(c); ok {
		return d.fate == replace
	}
	return !c.OneOff && (p.isWanted(c.Service) || p.isOrphan(c) && p.removesOrphan(c))
}

func (p *planner) orphanCause(c observe.Container) string {
	if feature := c.Labels[label.Feature]; feature != "" {
		return "feature " + strconv.Quote(feature) + " is off"
	}
	return "service " + strconv.Quote(c.Service) + " is not in the Compose file"
}

// removesOrphan reports whether a container goes whose service the Compose file does not have: one of a feature that is off does.
func (p *planner) removesOrphan(c observe.Container) bool {
	return p.options.RemoveOrphans || c.Labels[label.Feature] != ""
}

func (p *planner) isWanted(service string) bool {
	_, ok := p.stack.Project.Services[service]
	return ok
}

// isOrphan reports whether the Compose file does not have the container's service, selected or not.
func (p *planner) isOrphan(c observe.Container) bool {
	_, disabled := p.stack.Project.DisabledServices[c.Service]
	return !c.OneOff && !disabled && !p.isWanted(c.Service)
}

// replica finds what becomes of a container that is one of its service's wanted replicas.
func (p *planner) replica(c observe.Container) (decision, bool) {
	for _, d := range p.decisions[c.Service] {
		if d.old != nil && d.old.ID == c.ID {
			return d, true
		}
	}
	return decision{}, false
}

func (p *planner) isReplica(c observe.Container) bool {
	_, ok := p.replica(c)
	return ok
}

// freeName gives a container of the project that has the replica's name but is another service's a name of its own, if it goes.
func (p *planner) freeName(d decision) ([]int, error) {
	for _, c := range p.observed.Containers {
		if c.Name != d.called() || (d.old != nil && c.ID == d.old.ID) {
			continue
		}
		if !p.goes(c) {
			return nil, fmt.Errorf("creating container %q: a container of that name exists and belongs to service %q of this project; remove it with --remove-orphans or docker rm %s", c.Name, c.Service, c.Name)
		}
		p.plan.Undoable = true
		aside := steps.RenameContainer{ID: c.ID, Old: c.Name, Name: c.Name + "_" + c.ID[:min(12, len(c.ID))]}
		return []int{p.plan.Add(c.Service, aside, "service "+strconv.Quote(d.service.Name)+" needs its name")}, nil
	}
	return nil, nil
}
