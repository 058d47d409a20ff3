package orchestrate

import (
	"maps"
	"slices"
	"strings"
)

// planRenames removes what was replaced while it served, once all else is done, and gives the new replicas their names.
func (p *planner) planRenames(services []string) {
	for _, name := range services {
		for _, d := range p.decisions[name] {
			if d.called() == d.name() {
				continue
			}
			if d.fate == swap && p.options.AwaitReady {
				p.ready(d)
			}
			uses := p.usesOf(d.called())
			switch d.fate {
			case rolling:
				p.remove(*d.old, d.cause, slices.Concat(p.reloadOps, slices.Collect(maps.Values(p.stopOps)))...)
			case swap:
				p.remove(*d.old, d.cause, uses...)
			}
			if after, free := p.freed(d.name()); free {
				p.plan.add(name, renameContainer{Old: d.called(), Name: d.name()}, "the one that it replaced is gone", sorted(append(after, uses...))...)
			}
		}
	}
}

// usesOf lists the last steps that call a container by its name.
func (p *planner) usesOf(name string) (uses []int) {
	if ready, ok := p.readyOps[name]; ok {
		uses = append(uses, ready)
	} else if started, ok := p.startOps[name]; ok {
		uses = append(uses, started)
	}
	if reloaded, ok := p.lastReload[name]; ok {
		uses = append(uses, reloaded)
	}
	for key, op := range p.waitOps {
		if strings.HasPrefix(key, name+" ") {
			uses = append(uses, op)
		}
	}
	return uses
}

// freed lists what makes a name free; one that stays in use is not.
func (p *planner) freed(name string) (after []int, free bool) {
	for _, c := range p.observed.Containers {
		if c.Name == name {
			op, ok := p.removeOps[c.ID]
			return []int{op}, ok
		}
	}
	return nil, !slices.ContainsFunc(p.observed.Others, func(o Other) bool { return o.Name == name })
}
