package project

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// Act is an action on existing containers.
type Act string

// The acts.
const (
	Start   Act = "start"
	Stop    Act = "stop"
	Restart Act = "restart"
	Kill    Act = "kill"
	Pause   Act = "pause"
	Unpause Act = "unpause"
	Remove  Act = "rm"
)

// ActOptions say which containers an act is for, and how.
type ActOptions struct {
	Services []string // none are all
	// Only are the services of the user's own Compose file; nil are all services of the project.
	Only      []string
	Container string // ID of a single container, instead of Services

	Grace     *time.Duration // of stop, restart and rm; nil is each container's own grace period
	NoDeps    bool           // of restart: not the services that depend on them
	Signal    string         // of kill
	StopFirst bool           // of rm
	Volumes   bool           // of rm: also their anonymous volumes
	// Confirm is called with the containers' names before they are removed; an error stops the act. It may be nil.
	Confirm func(names []string) error
}

// ErrDeclined says that the user declined, and nothing was changed.
var ErrDeclined = errors.New("nothing was changed")

func (o ActOptions) choice() planner.Choice {
	return planner.Choice{Services: o.Services, ID: o.Container, Grace: o.Grace, NoDeps: o.NoDeps, Signal: o.Signal, Volumes: o.Volumes}
}

// Act carries out an act on containers, which it finds by their labels. The result's Kept is the project's number of containers.
func (p *Project) Act(ctx context.Context, act Act, o ActOptions) (Result, error) {
	name := ""
	command := func() string {
		words := append([]string{string(act)}, o.Services...)
		if name != "" {
			words = append(words, name)
		}
		return strings.Join(words, " ")
	}
	return p.change(ctx, command, func() (*steps.Plan, error) {
		look := observe.Project
		if act == Start {
			look = observe.WithStops
		}
		observed, err := look(ctx, p.Engine, p.Name)
		if err != nil {
			return nil, err
		}
		if o.Only != nil && len(o.Services) == 0 {
			observed.KeepServices(o.Only)
		}
		for _, c := range observed.Containers {
			if c.ID == o.Container {
				name = c.Name
			}
		}
		plan, err := planAct(observed, act, o)
		if err != nil {
			return nil, err
		}
		plan.Kept = len(observed.Containers)
		if o.Confirm != nil && !plan.Empty() {
			if err := o.Confirm(plan.Objects("remove container")); err != nil {
				return nil, err
			}
		}
		return plan, apply.Plan(ctx, p.Engine, plan, p.Sink)
	})
}

func planAct(observed *observe.Observed, act Act, o ActOptions) (*steps.Plan, error) {
	switch choice := o.choice(); act {
	case Start:
		return planner.Start(observed, choice)
	case Stop:
		return planner.Stop(observed, choice)
	case Restart:
		return planner.Restart(observed, choice)
	case Kill:
		return planner.Kill(observed, choice)
	case Pause:
		return planner.Pause(observed, choice)
	case Unpause:
		return planner.Unpause(observed, choice)
	case Remove:
		return planner.Remove(observed, choice, o.StopFirst)
	}
	return nil, fmt.Errorf("acting on containers: unknown act %q", act)
}
