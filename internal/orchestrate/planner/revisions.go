package planner

import (
	"fmt"
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// maxRevisions is how many earlier revisions of a service are kept.
const maxRevisions = 3

// planRevisions keeps the revision of each service that gets another one; see planDrops for the oldest.
func (p *planner) planRevisions(services []string) error {
	for _, name := range services {
		for _, d := range p.decisions[name] {
			hash, err := d.hash()
			if err != nil {
				return err
			}
			if !d.replaces() || d.old.Hash == hash && d.old.ImageID == d.image.ID {
				continue
			}
			p.keepRevision(d)
			break
		}
	}
	return nil
}

func (p *planner) keepRevision(d decision) {
	service, number := d.service.Name, 1
	var others, dropped []kept.Revision
	for _, r := range kept.Revisions(p.observed, service) {
		number = max(number, r.Number+1)
		if r.Hash == d.old.Hash && r.ImageID == d.old.ImageID { // kept before: it is the newest again
			dropped = append(dropped, r)
		} else {
			others = append(others, r)
		}
	}
	name := fmt.Sprintf("%s-%s-revision-%d", p.stack.Project.Name, service, number)
	p.plan.Add(service, steps.KeepRevision{Project: p.stack.Project.Name, Of: d.old.ID, Name: name, Number: number}, "'stackctl rollback' goes back to it")
	p.made.dropped = slices.Concat(p.made.dropped, dropped, others[:max(0, len(others)-maxRevisions+1)])
}

// planDrops drops revisions when all that was planned for their service has succeeded: a change that fails goes back, and
// has taken nothing away by then.
func (p *planner) planDrops() {
	for _, r := range p.made.dropped {
		var after []int
		for i, op := range p.plan.Ops {
			if _, drops := op.Action.(steps.DropRevision); op.Service == r.Service && !drops {
				after = append(after, i)
			}
		}
		p.plan.Add(r.Service, steps.DropRevision{Name: r.Name}, fmt.Sprintf("%d newer ones are kept", maxRevisions), p.plan.Last(after)...)
	}
}
