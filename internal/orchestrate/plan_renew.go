package orchestrate

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/network"
)

// The engine has one network of a name, and removes none that a running container is on. So a network that changed goes
// before the new one is there: the one thing that is removed before a change has succeeded. A failure makes it again as it was
// and joins the containers to it, which are there still.

// renewal is a network that is recreated.
type renewal struct {
	key    string
	have   Network
	cause  string
	wanted network.CreateOptions
}

// planRenewals recreates networks. Containers that go stop for it; those that stay, such as one-off ones, change networks
// as they are.
func (p *planner) planRenewals() error {
	for _, r := range p.renewals {
		p.plan.undoable = true
		cause := fmt.Sprintf("network %q is recreated", r.have.Name)
		var away []int
		var stay []*leaveNetwork
		var bystanders []string
		for _, c := range p.observed.Containers {
			if _, on := c.Addresses[r.have.Name]; !on || c.State == "dead" || c.State == "removing" {
				continue
			}
			if _, disabled := p.stack.Project.DisabledServices[c.Service]; disabled && !c.OneOff && c.alive() {
				bystanders = append(bystanders, c.Name)
			}
			leaving := &leaveNetwork{Network: r.have.Name, Name: c.Name, ID: c.ID}
			if p.goes(c) {
				away = append(away, p.plan.add(c.Service, leaving, cause, p.vacate(c, cause)...))
			} else {
				away = append(away, p.plan.add(c.Service, leaving, cause))
				stay = append(stay, leaving)
			}
		}
		if len(bystanders) > 0 {
			return fmt.Errorf("recreating network %q, because %s: containers of services that are not part of this run are on it: %s; run `stackctl up` for all services, or stop these first", r.have.Name, r.cause, strings.Join(bystanders, ", "))
		}
		removed := p.plan.add("", removeNetwork{Name: r.have.Name, ID: r.have.ID, Had: &r.have.options}, r.cause, away...)
		p.networkOps[r.key] = p.plan.add("", createNetwork{Name: r.have.Name, Options: r.wanted, Anew: true}, r.cause, removed)
		for _, leaving := range stay {
			p.plan.add("", joinNetwork{left: leaving, recreated: true}, cause, p.networkOps[r.key])
		}
	}
	return nil
}

// leaveNetwork takes a container off a network.
type leaveNetwork struct {
	bounded
	Network, Name, ID string
	had               *network.EndpointSettings // how it was on it
}

func (a *leaveNetwork) Verb() string   { return "disconnect container" }
func (a *leaveNetwork) Object() string { return a.Name + " from " + a.Network }
func (a *leaveNetwork) apply(ctx context.Context, w Writer) error {
	info, err := inspect(ctx, w, a.ID)
	if err != nil || info.NetworkSettings == nil || info.NetworkSettings.Networks[a.Network] == nil {
		return ignoreGone(err)
	}
	end := info.NetworkSettings.Networks[a.Network]
	a.had = &network.EndpointSettings{IPAMConfig: end.IPAMConfig, Links: end.Links, Aliases: end.Aliases, DriverOpts: end.DriverOpts}
	return ignoreGone(w.NetworkDisconnect(ctx, a.Network, a.ID, false))
}

func (a *leaveNetwork) undo() []Action { return []Action{joinNetwork{left: a}} }

// joinNetwork joins a container to the network that it had to leave, or to the one that has its name now, and then other
// addresses.
type joinNetwork struct {
	bounded
	left      *leaveNetwork
	recreated bool
}

func (a joinNetwork) Verb() string   { return connectNetwork{}.Verb() }
func (a joinNetwork) Object() string { return a.left.Name + " to " + a.left.Network }
func (a joinNetwork) apply(ctx context.Context, w Writer) error {
	if a.left.had == nil {
		return nil // it was not on it
	}
	end := *a.left.had
	if a.recreated {
		end.IPAMConfig = nil
	}
	err := w.NetworkConnect(ctx, a.left.Network, a.left.ID, &end)
	if err != nil && strings.Contains(err.Error(), "already exists in network") {
		return nil // it has not left it
	}
	return ignoreGone(err)
}

func (a joinNetwork) undo() []Action {
	return []Action{&leaveNetwork{Network: a.left.Network, Name: a.left.Name, ID: a.left.ID}}
}
