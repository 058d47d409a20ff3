package planner

import (
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/network"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// The engine has one network of a name, and removes none that a running container is on. So a network that changed goes
// before the new one is there: the one thing that is removed before a change has succeeded. A failure makes it again as it was
// and joins the containers to it, which are there still.

// renewal is a network that is recreated.
type renewal struct {
	key    string
	have   observe.Network
	cause  string
	wanted network.CreateOptions
}

// planRenewals recreates networks. Containers that go stop for it; those that stay, such as one-off ones, change networks
// as they are.
func (p *planner) planRenewals() error {
	for _, r := range p.resources.renewals {
		p.plan.Undoable = true
		cause := fmt.Sprintf("network %q is recreated", r.have.Name)
		var away []int
		var stay []*steps.LeaveNetwork
		var bystanders []string
		for _, c := range p.observed.Containers {
			if _, on := c.Addresses[r.have.Name]; !on || c.State == "dead" || c.State == "removing" {
				continue
			}
			if _, disabled := p.stack.Project.DisabledServices[c.Service]; disabled && !c.OneOff && c.Alive() {
				bystanders = append(bystanders, c.Name)
			}
			leaving := &steps.LeaveNetwork{Network: r.have.Name, Name: c.Name, ID: c.ID}
			if p.goes(c) {
				away = append(away, p.plan.Add(c.Service, leaving, cause, p.vacate(c, cause)...))
			} else {
				away = append(away, p.plan.Add(c.Service, leaving, cause))
				stay = append(stay, leaving)
			}
		}
		if len(bystanders) > 0 {
			return fmt.Errorf("recreating network %q, because %s: containers of services that are not part of this run are on it: %s; run `stackctl up` for all services, or stop these first", r.have.Name, r.cause, strings.Join(bystanders, ", "))
		}
		removed := p.plan.Add("", steps.RemoveNetwork{Name: r.have.Name, ID: r.have.ID, Had: &r.have.Options}, r.cause, away...)
		p.resources.networks[r.key] = p.plan.Add("", steps.CreateNetwork{Name: r.have.Name, Options: r.wanted, Anew: true}, r.cause, removed)
		for _, leaving := range stay {
			p.plan.Add("", steps.JoinNetwork{Left: leaving, Recreated: true}, cause, p.resources.networks[r.key])
		}
	}
	return nil
}
