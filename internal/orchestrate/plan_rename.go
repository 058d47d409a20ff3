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
			var done []int
			if d.fate == rolling {
				done = append(done, p.readyOps[d.called()])
				last := slices.Concat(p.stopOps, p.reloadOps, slices.Collect(maps.Values(p.keepOps)))
				p.removeOps[d.old.ID] = p.plan.add(name, removeContainer{Name: d.old.Name, ID: d.old.ID}, d.cause, sorted(last)...)
			}
			after, free := p.freed(d.name())
			if !free {
				continue
			}
			after = append(after, done...)
			for key, op := range p.waitOps {
				if strings.HasPrefix(key, d.called()+" ") {
					after = append(after, op)
				}
			}
			p.plan.add(name, renameContainer{Old: d.called(), Name: d.name()}, "the one that it replaced is gone", sorted(after)...)
		}
	}
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
