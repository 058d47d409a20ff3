package planner

import (
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// planRenames removes what was replaced, and gives the new replicas their names.
func (p *planner) planRenames(services []string) {
	for _, name := range services {
		for _, d := range p.decisions[name] {
			if d.replaces() {
				p.remove(*d.old, d.cause)
			}
		}
	}
	for _, name := range services {
		for _, d := range p.decisions[name] {
			if after, free := p.freed(d.name()); free && d.called() != d.name() {
				p.plan.Add(name, steps.RenameContainer{Old: d.called(), Name: d.name()}, "the one that it replaced is gone", after...)
			}
		}
	}
}

// freed lists what makes a name free; one that stays in use is not.
func (p *planner) freed(name string) (after []int, free bool) {
	for _, c := range p.observed.Containers {
		if c.Name == name {
			op, ok := p.made.removals[c.ID]
			return []int{op}, ok
		}
	}
	return p.made.succeeded, !slices.ContainsFunc(p.observed.Others, func(o observe.Other) bool { return o.Name == name })
}
