package orchestrate

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"stackctl.dev/stackctl/internal/stack"
)

// PlanOptions change what PlanUp decides.
type PlanOptions struct {
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
	// Standing is the stack that a change was decided on; nil where that is to be made. Up stops where what ran then is taken
	// away meanwhile, instead of making a part of it.
	Standing *Observed
	// first are the IDs of the containers of the first attempt: those that it has recreated are new. nil in that attempt.
	first map[string]bool
	// ran are the names of the containers that earlier attempts have started: a job is not to be run twice.
	ran map[string]bool
	// stuck are the IDs of containers that the engine cannot start any more.
	stuck []string
	// Revisions are the configurations that services go back to, by service.
	Revisions map[string]*Revision
	// Pause is the time between the replacement of some replicas and of the next; 0 is what deploy.update_config says.
	Pause time.Duration
}

func (o PlanOptions) forces(c Container) bool {
	return o.ForceRecreate && (len(o.ForceServices) == 0 || slices.Contains(o.ForceServices, c.Service)) && (o.first == nil || o.first[c.ID])
}

func (o PlanOptions) withDefaults() PlanOptions {
	if o.Drain <= 0 {
		o.Drain = 10 * time.Second
	}
	return o
}

// planner holds what PlanUp works out on its way.
type planner struct {
	stack    *stack.Stack
	observed *Observed
	images   map[string]Image // by service
	options  PlanOptions
	plan     *Plan

	networkOps map[string]int    // by network key: the op that creates it
	volumeOps  map[string]int    // by volume key
	renewed    map[string]string // networks that are recreated, by key: why
	renewals   []renewal
	books      map[string]*addressBook // by network key: networks with fixed addresses
	decisions  map[string][]decision   // by service
	startOps   map[string]int          // by container name
	waitOps    map[string]int          // by container name and condition
	removeOps  map[string]int          // by container ID
	succeeded  []int                   // the last steps of all but the removals
	subnets    []netip.Prefix          // taken ones, those of planned networks too
	reloadOps  []int
	lastReload map[string]int              // by front's container name: the last one so far
	staged     map[string]map[string]stamp // by front's container name and path: what the last one wrote
	readyOps   map[string]int              // by container name
	stopOps    map[string]int              // by container ID: of those that are replaced
	dropped    []Revision                  // those that are kept no longer
}

// PlanUp compares the desired state with the observed one and lists what has to be done. It is pure.
func PlanUp(s *stack.Stack, observed *Observed, images map[string]Image, options PlanOptions) (*Plan, error) {
	p := &planner{
		stack: s, observed: observed, images: images, options: options.withDefaults(), plan: &Plan{},
		networkOps: map[string]int{}, volumeOps: map[string]int{}, renewed: map[string]string{},
		books: map[string]*addressBook{}, decisions: map[string][]decision{}, startOps: map[string]int{}, waitOps: map[string]int{},
		removeOps: map[string]int{}, subnets: slices.Clone(observed.Subnets),
		lastReload: map[string]int{}, staged: map[string]map[string]stamp{}, readyOps: map[string]int{}, stopOps: map[string]int{},
	}
	order, err := p.serviceOrder()
	if err != nil {
		return nil, err
	}
	if err := p.planVolumes(); err != nil {
		return nil, err
	}
	if err := p.planNetworks(); err != nil {
		return nil, err
	}
	for _, name := range order {
		if err := p.decide(name); err != nil {
			return nil, err
		}
	}
	known := append(slices.Clone(order), p.decideStanding()...)
	for _, name := range known {
		if err := p.settle(name); err != nil {
			return nil, err
		}
	}
	if err := p.planRevisions(order); err != nil {
		return nil, err
	}
	if err := p.planRenewals(); err != nil {
		return nil, err
	}
	for _, name := range known {
		if err := p.planService(name); err != nil {
			return nil, err
		}
	}
	p.planRemovals(order)
	for _, op := range p.plan.Ops {
		if reload, ok := op.Action.(*reloadContainer); ok {
			reload.Undoable = p.plan.undoable
		}
	}
	return p.plan, p.changes(known)
}

// serviceOrder sorts the services so that each comes after what it depends on, and by name otherwise.
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
		state[name] = 2
		order = append(order, name)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(p.stack.Project.Services)) {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// decide settles the fate of every replica of a service.
func (p *planner) decide(name string) error {
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

// settle gives every replica of a service its addresses, once the fates of all are known.
func (p *planner) settle(name string) error {
	for i := range p.decisions[name] {
		d := &p.decisions[name][i]
		if p.canRoll(*d) {
			d.fate = rolling
		}
		p.plan.undoable = p.plan.undoable || d.replaces()
		if d.fate == create || d.replaces() {
			if err := errors.Join(p.refuseForeign(d.called()), p.refuseForeign(d.name())); err != nil {
				return err
			}
		}
		if err := p.address(d); err != nil {
			return err
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
