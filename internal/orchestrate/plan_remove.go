package orchestrate

import (
	"fmt"
	"strconv"
	"strings"
)

// remove adds a graceful stop, where the container runs, and its removal, once however many reasons there are.
func (p *planner) remove(c Container, cause string, after ...int) int {
	if op, ok := p.removeOps[c.ID]; ok {
		return op
	}
	if stopped, ok := p.stopOps[c.ID]; ok {
		after = append(after, stopped)
	} else if c.Running() {
		after = []int{p.plan.add(c.Service, stopContainer{Name: c.Name, ID: c.ID}, cause, after...)}
	}
	if kept, ok := p.keepOps[c.ID]; ok {
		after = append(after, kept)
	}
	// One that was never started may be starting right now, for a run that was ended.
	kill := c.State == "paused" || c.State == "dead" || c.State == "created"
	op := p.plan.add(c.Service, c.removal(kill, false), cause, sorted(after)...)
	p.removeOps[c.ID] = op
	return op
}

// vacate stops a container for the one that replaces it, which has only to be started: until then the old one serves, and
// until the new one runs it can start again.
func (p *planner) vacate(d decision, cause string, after ...int) int {
	stopped, ok := p.stopOps[d.old.ID]
	if !ok {
		stopped = p.plan.add(d.service.Name, stopContainer{Name: d.old.Name, ID: d.old.ID, Successor: d.called()}, cause, sorted(after)...)
		p.stopOps[d.old.ID] = stopped
	}
	return stopped
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
		if d.old != nil && c.ID == d.old.ID || !p.goes(c) || !d.needsPlaceOf(c) {
			continue
		}
		cause := "service " + strconv.Quote(d.service.Name) + " needs its port or address"
		if other, ok := p.replica(c); ok && other.fate == swap {
			freed = append(freed, p.vacate(other, cause))
		} else {
			freed = append(freed, p.remove(c, cause))
		}
	}
	return freed
}

// goes reports whether the container does not outlive the plan.
func (p *planner) goes(c Container) bool {
	if d, ok := p.replica(c); ok {
		return d.fate == replace || d.fate == swap
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

// replica finds what becomes of a container that is one of its service's wanted replicas.
func (p *planner) replica(c Container) (decision, bool) {
	for _, d := range p.decisions[c.Service] {
		if d.old != nil && d.old.ID == c.ID {
			return d, true
		}
	}
	return decision{}, false
}

func (p *planner) isReplica(c Container) bool {
	_, ok := p.replica(c)
	return ok
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
