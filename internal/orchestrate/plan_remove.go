package orchestrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// remove adds a graceful stop, where the container runs, and its removal, once however many reasons there are.
func (p *planner) remove(c Container, cause string, after ...int) int {
	if op, ok := p.removeOps[c.ID]; ok {
		return op
	}
	if c.Running() {
		after = []int{p.plan.add(c.Service, stopContainer{Name: c.Name, ID: c.ID}, cause, after...)}
	}
	if kept, ok := p.keepOps[c.ID]; ok {
		after = append(after, kept)
	}
	// One that was never started may be starting right now, for a run that was ended.
	kill := c.State == "paused" || c.State == "dead" || c.State == "created"
	op := p.plan.add(c.Service, removeContainer{Name: c.Name, ID: c.ID, Kill: kill}, cause, sorted(after)...)
	p.removeOps[c.ID] = op
	return op
}

// planLeavers removes surplus replicas, after nginx has forgotten them, and the containers of services that are gone.
func (p *planner) planLeavers(order []string) {
	for _, name := range order {
		for _, c := range p.observed.of(name) {
			if !p.isReplica(c) {
				p.remove(c, "service "+strconv.Quote(name)+" has "+strconv.Itoa(len(p.decisions[name]))+" replicas", p.reloadOps...)
			}
		}
	}
	var orphans []string
	for _, c := range p.observed.Containers {
		if _, gone := p.removeOps[c.ID]; gone || !p.isOrphan(c) {
			continue
		}
		if p.options.RemoveOrphans {
			p.remove(c, "service "+strconv.Quote(c.Service)+" is not in the Compose file", p.reloadOps...)
			continue
		}
		orphans = append(orphans, c.Name)
	}
	if len(orphans) > 0 {
		p.plan.Warnings = append(p.plan.Warnings, "containers of services that the Compose file does not have: "+strings.Join(orphans, ", ")+"; --remove-orphans removes them")
	}
}

// freePorts removes, before a start, those of the project's containers that go anyway and hold a port or an address that
// the started one needs.
func (p *planner) freePorts(d decision) []int {
	var freed []int
	for _, c := range p.observed.Containers {
		if (d.old == nil || c.ID != d.old.ID) && p.goes(c) && d.needsPlaceOf(c) {
			freed = append(freed, p.remove(c, "service "+strconv.Quote(d.service.Name)+" needs its port or address"))
		}
	}
	return freed
}

// goes reports whether the container does not outlive the plan.
func (p *planner) goes(c Container) bool {
	for _, d := range p.decisions[c.Service] {
		if d.old != nil && d.old.ID == c.ID {
			return d.fate == replace
		}
	}
	return !c.OneOff && (p.isWanted(c.Service) || p.isOrphan(c) && p.options.RemoveOrphans)
}

func (p *planner) isWanted(service string) bool {
	_, ok := p.stack.Project.Services[service]
	return ok
}

// isOrphan reports whether the Compose file does not have the container's service, selected or not.
func (p *planner) isOrphan(c Container) bool {
	_, disabled := p.stack.Project.DisabledServices[c.Service]
	return !c.OneOff && !disabled && !p.isWanted(c.Service)
}

// isReplica reports whether the container was found to be one of its service's wanted replicas.
func (p *planner) isReplica(c Container) bool {
	return slices.ContainsFunc(p.decisions[c.Service], func(d decision) bool { return d.old != nil && d.old.ID == c.ID })
}

// freeName removes a container of the project that has the replica's name but is another service's, if it may go.
func (p *planner) freeName(d decision) ([]int, error) {
	for _, c := range p.observed.Containers {
		if c.Name != d.called() || (d.old != nil && c.ID == d.old.ID) {
			continue
		}
		if !p.goes(c) {
			return nil, fmt.Errorf("creating container %q: a container of that name exists and belongs to service %q of this project; remove it with --remove-orphans or docker rm %s", c.Name, c.Service, c.Name)
		}
		return []int{p.remove(c, "service "+strconv.Quote(d.service.Name)+" needs its name")}, nil
	}
	return nil, nil
}
