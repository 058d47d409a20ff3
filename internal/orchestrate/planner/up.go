// Package planner decides: it compares what should run with what does, and lists the steps between the two. It is pure: no engine, no clock.
package planner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// Options change what Up decides.
type Options struct {
	ForceRecreate bool
	// ForceServices limits ForceRecreate to these services; none means all.
	ForceServices []string
	// NoRecreate leaves containers as they are, whatever changed.
	NoRecreate    bool
	RemoveOrphans bool
	// RenewVolumes gives containers that are replaced new anonymous volumes, instead of those that they have.
	RenewVolumes bool
	// WaitTimeout bounds each wait for a dependency, and for a new replica; 0 is what their own settings allow.
	WaitTimeout time.Duration
	// AwaitReady waits, before a container is removed, until the one that replaces it is ready.
	AwaitReady bool
	// Parallel is how many replicas of a service are replaced at once; 0 is what its deploy.update_config says, else one.
	Parallel int
	// Drain bounds the wait for the requests of a replica that leaves; 0 is 10 s.
	Drain time.Duration
	// Notice is how long before a reload a front closes its connections: clients whose pauses are shorter have none open by then. 0 is 500 ms.
	Notice time.Duration
	// Adjust fits the desired stack to what is there, at the first look; nil leaves it as it is.
	Adjust func(s *stack.Stack, observed *observe.Observed) (*stack.Stack, error)
	// Secrets reads what the desired stack needs of generated secrets, once a plan is to be carried out; nil reads nothing.
	Secrets func(ctx context.Context, s *stack.Stack) error
	// Approve is asked once, before the first plan is carried out; nil approves.
	Approve func(plan *steps.Plan, observed *observe.Observed) error
	// Existing is for a change of a stack that is there: Up stops where what ran at its first look is taken away meanwhile, instead
	// of making a part of it.
	Existing bool
	// First are the IDs of the containers of the first attempt: those that it has recreated are new. nil in that attempt.
	First map[string]bool
	// Ran are the names of the containers that earlier attempts have started: a job is not to be run twice.
	Ran map[string]bool
	// Stuck are the IDs of containers that the engine cannot start any more.
	Stuck []string
	// Revisions are the configurations that services go back to, by service.
	Revisions map[string]*kept.Revision
	// Pause is the time between the replacement of some replicas and of the next; 0 is what deploy.update_config says.
	Pause time.Duration
}

func (o Options) forces(c observe.Container) bool {
	return o.ForceRecreate && (len(o.ForceServices) == 0 || slices.Contains(o.ForceServices, c.Service)) && (o.First == nil || o.First[c.ID])
}

func (o Options) withDefaults() Options {
	if o.Drain <= 0 {
		o.Drain = 10 * time.Second
	}
	if o.Notice <= 0 {
		o.Notice = 500 * time.Millisecond
	}
	return o
}

// planner is a plan in the making. Up names its passes in their order; each fills the part that is named after it, which those after it read.
type planner struct {
	stack    *stack.Stack
	observed *observe.Observed
	images   map[string]Image // by service
	options  Options
	plan     *steps.Plan

	resources resources
	decisions map[string][]decision // by service: what becomes of its replicas, and the fronts that are not part of this run
	made      made
}

// resources are the networks and volumes of the project.
type resources struct {
	volumes  map[string]int    // by key: the step that creates it
	networks map[string]int    // by key: the step that creates it, in the place of another one or not
	renewed  map[string]string // by key: why it is recreated
	renewals []renewal
	books    map[string]*addressBook // by key: networks with fixed addresses
	subnets  []netip.Prefix          // taken ones, those of planned networks too
}

// made are steps that later ones come after.
type made struct {
	starts    map[string]int                      // by container name
	waits     map[string]int                      // by container name and condition
	readies   map[string]int                      // by container name
	reloads   map[string]int                      // by front's container name: the last one so far
	staged    map[string]map[string]configs.Stamp // by front's container name and path: what the last reload wrote
	stops     map[string]int                      // by container ID: of those that go
	removals  map[string]int                      // by container ID
	succeeded []int                               // the last steps of all but the removals
	dropped   []kept.Revision                     // those that are kept no longer
}

func newPlanner(s *stack.Stack, observed *observe.Observed, images map[string]Image, options Options) *planner {
	return &planner{
		stack: s, observed: observed, images: images, options: options.withDefaults(), plan: &steps.Plan{},
		decisions: map[string][]decision{},
		resources: resources{
			volumes: map[string]int{}, networks: map[string]int{}, renewed: map[string]string{}, books: map[string]*addressBook{}, subnets: slices.Clone(observed.Subnets),
		},
		made: made{
			starts: map[string]int{}, waits: map[string]int{}, readies: map[string]int{}, reloads: map[string]int{},
			staged: map[string]map[string]configs.Stamp{}, stops: map[string]int{}, removals: map[string]int{},
		},
	}
}

// Up compares the desired state with the observed one and lists what has to be done. It is pure.
func Up(s *stack.Stack, observed *observe.Observed, images map[string]Image, options Options) (*steps.Plan, error) {
	p := newPlanner(s, observed, images, options)
	order, err := p.serviceOrder()
	if err != nil {
		return nil, err
	}
	known := order // and, from the second pass on, the fronts that are not part of this run
	for _, pass := range []func() error{
		// Creates volumes and networks; says which networks are recreated, and which have addresses to give.
		p.planResources,
		// Says what becomes of each replica: one on a network that is recreated is replaced.
		func() error { return p.decide(order) },
		func() error { known = append(slices.Clone(order), p.decideStanding()...); return nil },
		// Which of those can be replaced while they serve follows from the fates of all fronts; then all have addresses.
		func() error { return p.place(known) },
		// Before anything is stopped, its revision is kept.
		func() error { return p.planRevisions(order) },
		// Recreates networks; containers that are replaced stop for it.
		p.planRenewals,
		// Creates, starts, waits and reloads, service by service, since a start comes after those that it depends on.
		func() error { return p.planServices(known) },
		// Removes what goes, when all of that has succeeded.
		func() error { p.planRemovals(order); return nil },
	} {
		if err := pass(); err != nil {
			return nil, err
		}
	}
	for _, op := range p.plan.Ops {
		if reload, ok := op.Action.(*steps.ReloadContainer); ok {
			reload.Undoable = p.plan.Undoable
		}
	}
	return p.plan, p.changes(known)
}

// serviceOrder sorts the services so that each comes after what it depends on, a front after those that it leads to where that is
// possible, and otherwise by name, those without containers first.
func (p *planner) serviceOrder() ([]string, error) {
	var order []string
	state := map[string]int{} // 1 being visited, 2 done
	var visit func(name string) error
	visit = func(name string) error {
		switch state[name] {
		case 1:
			return fmt.Errorf("ordering services: %q depends on itself", name)
		case 2:
			return nil
		}
		state[name] = 1
		svc := p.stack.Project.Services[name]
		for _, dependency := range slices.Sorted(maps.Keys(svc.DependsOn)) {
			if _, ok := p.stack.Project.Services[dependency]; !ok {
				continue // optional, and not part of this run
			}
			if err := visit(dependency); err != nil {
				return err
			}
		}
		for _, behind := range p.behind(decision{replica: replica{service: svc}}) {
			if _, ok := p.stack.Project.Services[behind]; ok && state[behind] == 0 && !p.dependsOn(behind, name) {
				if err := visit(behind); err != nil {
					return err
				}
			}
		}
		state[name] = 2
		order = append(order, name)
		return nil
	}
	names := slices.Sorted(maps.Keys(p.stack.Project.Services))
	// New ones first: a front that is told of a replaced replica has its new configuration, which can lead to them.
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(min(1, len(p.observed.Of(a))), min(1, len(p.observed.Of(b))))
	})
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// dependsOn reports whether a service depends on another one, possibly through others.
func (p *planner) dependsOn(service, on string) bool {
	seen := map[string]bool{}
	var visit func(string) bool
	visit = func(name string) bool {
		if seen[name] {
			return false
		}
		seen[name] = true
		for dependency := range p.stack.Project.Services[name].DependsOn {
			if dependency == on || visit(dependency) {
				return true
			}
		}
		return false
	}
	return visit(service)
}

// decide decides the fate of every replica.
func (p *planner) decide(services []string) error {
	for _, name := range services {
		if err := p.decideService(name); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) decideService(name string) error {
	svc := p.stack.Project.Services[name]
	for number := 1; number <= stack.Replicas(svc); number++ {
		d := decision{replica: replica{stack: p.stack, service: svc, number: number, image: p.images[name], revision: p.options.Revisions[name]}}
		hash, err := d.hash()
		if err != nil {
			return err
		}
		d.old = p.existing(d, hash)
		if d.fate, d.cause, err = p.fateOf(d, hash); err != nil {
			return err
		}
		p.decisions[name] = append(p.decisions[name], d)
	}
	return nil
}

// place gives every replica its addresses, once the fates of all are known.
func (p *planner) place(services []string) error {
	for _, name := range services {
		for i := range p.decisions[name] {
			d := &p.decisions[name][i]
			if p.canRoll(*d) {
				d.fate = rolling
			}
			p.plan.Undoable = p.plan.Undoable || d.replaces()
			if d.fate == create || d.replaces() {
				if err := errors.Join(p.refuseForeign(d.called()), p.refuseForeign(d.name())); err != nil {
					return err
				}
			}
			if err := p.address(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuseForeign protects a container that has a name we need but is not the project's.
func (p *planner) refuseForeign(name string) error {
	for _, other := range p.observed.Others {
		if other.Name == name {
			owner := "no project"
			if other.Project != "" {
				owner = fmt.Sprintf("project %q", other.Project)
			}
			return fmt.Errorf("creating container %q: a container of that name exists and belongs to %s; it was left untouched: rename or remove it (docker rm %s), or use another --project-name", name, owner, name)
		}
	}
	return nil
}
