package planner

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

func (d *decision) setAddress(key string, address netip.Addr) {
	if d.addresses == nil {
		d.addresses = map[string]netip.Addr{}
	}
	d.addresses[key] = address
}

func (p *planner) planServices(services []string) error {
	for _, name := range services {
		if err := p.planService(name); err != nil {
			return err
		}
	}
	return nil
}

// planService lists the steps for each of a service's replicas.
func (p *planner) planService(name string) error {
	for _, d := range p.decisions[name] {
		var err error
		switch d.fate {
		case keep:
			p.plan.Kept++
			if !p.planRestart(d) {
				p.planReload(d)
			}
		case start:
			stopped := awaitStop(p.plan, *d.old, p.observed.Stops, d.cause)
			ready := p.planFiles(d, d.cause, stopped)
			for _, key := range d.networkKeys() {
				if made, ok := p.resources.networks[key]; ok {
					ready = append(ready, made)
				}
			}
			p.planStart(d, d.cause, ready)
		case unpause:
			p.planStart(d, d.cause, nil)
			p.planReload(d, p.made.starts[d.called()])
		case create, replace:
			err = p.planCreate(d, nil)
		}
		if err != nil {
			return err
		}
	}
	return p.planRolling(name)
}

// planRestart restarts a replica that is kept where its service says so of one that it depends on, and which is recreated.
func (p *planner) planRestart(d decision) bool {
	if !d.old.Running() {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(d.service.DependsOn)) {
		for _, dependency := range p.decisions[name] {
			started, ok := p.made.starts[dependency.called()]
			if !d.service.DependsOn[name].Restart || !ok || !dependency.replaces() {
				continue
			}
			cause := "service " + strconv.Quote(name) + ", on which it depends, is recreated"
			stopped := p.plan.Add(d.service.Name, steps.StopContainer{Name: d.old.Name, ID: d.old.ID}, cause, started)
			p.planStart(d, cause, p.planFiles(d, cause, []int{stopped}))
			return true
		}
	}
	return false
}

// planCreate makes a container and starts it. Only the start awaits the container's networks: the engine looks for them
// no earlier, so that creating and writing configs go on while networks are made (some 100 ms).
func (p *planner) planCreate(d decision, after []int) error {
	action, err := d.create()
	if err != nil {
		return err
	}
	if err := d.checkFiles(); err != nil {
		return err
	}
	action.Name = d.called()
	_, action.Files = d.split(p.files(d, true))
	if d.replaces() && !p.options.RenewVolumes {
		if err := inherit(action, d); err != nil {
			return err
		}
	}
	freed, err := p.freeName(d)
	if err != nil {
		return err
	}
	after = append(after, freed...)
	for _, v := range d.service.Volumes {
		if op, ok := p.resources.volumes[v.Source]; ok && v.Type == types.VolumeTypeVolume {
			after = append(after, op)
		}
	}
	if first := d.networkKeys(); len(first) > 0 && p.resources.renewed[first[0]] != "" {
		after = append(after, p.resources.networks[first[0]]) // it must not get hold of the one that goes
	}
	created := p.plan.Add(d.service.Name, action, d.cause, sorted(after)...)
	ready := p.planFiles(d, d.cause, []int{created})
	for i, key := range d.networkKeys() {
		network, isNew := p.resources.networks[key]
		if i == 0 {
			if isNew {
				ready = append(ready, network)
			}
			continue
		}
		// The create call of an engine before API 1.44 takes one network; the others are joined before the start.
		joins := []int{created}
		if isNew {
			joins = append(joins, network)
		}
		ready = append(ready, p.plan.Add(d.service.Name, steps.ConnectNetwork{Network: d.networkName(key), Container: d.called(), Endpoint: d.endpoint(key)}, d.cause, sorted(joins)...))
	}
	p.planStart(d, d.cause, ready)
	return nil
}

// sorted returns the steps in order, each once.
func sorted(steps []int) []int {
	steps = slices.Clone(steps)
	slices.Sort(steps)
	return slices.Compact(steps)
}

// planFiles writes all configs of a container that is not running; it returns what its start has to await.
func (p *planner) planFiles(d decision, cause string, after []int) []int {
	files, _ := d.split(p.files(d, true))
	if len(files) == 0 {
		return after
	}
	return p.writeGroups(d, files, steps.Written|steps.Marked, cause, after)
}

// writeGroups adds one write for each directory.
func (p *planner) writeGroups(d decision, files []configs.File, parts steps.Parts, cause string, after []int) []int {
	if !reloads(d) {
		parts &^= steps.Marked
	}
	var ops []int
	for _, group := range steps.ByDir(files) {
		ops = append(ops, p.plan.Add(d.service.Name, steps.WriteFiles{Container: d.called(), Files: group, Parts: parts, MakeDirs: !d.service.ReadOnly}, cause, after...))
	}
	return ops
}

func (p *planner) planStart(d decision, cause string, after []int) {
	after = append(after, p.awaitDependencies(d.service)...)
	vacated := p.freePorts(d)
	if d.fate == replace {
		vacated = append(vacated, p.vacate(*d.old, cause, slices.Concat(after, vacated)...)...)
	}
	after = append(after, vacated...)
	var action steps.Action = steps.StartContainer{Name: d.called(), Undone: d.fate == start || d.fate == replace || len(vacated) > 0}
	if d.fate == unpause {
		action = steps.UnpauseContainer{Name: d.called()}
	}
	p.made.starts[d.called()] = p.plan.Add(d.service.Name, action, cause, sorted(after)...)
}

// awaitDependencies lists what a start awaits because of depends_on.
func (p *planner) awaitDependencies(svc types.ServiceConfig) []int {
	if p.stack.Together() {
		return nil
	}
	var after []int
	for _, name := range slices.Sorted(maps.Keys(svc.DependsOn)) {
		dependency := svc.DependsOn[name]
		for _, d := range p.decisions[name] {
			started, ok := p.made.starts[d.called()]
			if dependency.Condition == types.ServiceConditionStarted || dependency.Condition == "" {
				if ok {
					after = append(after, started)
				}
				continue
			}
			after = append(after, p.wait(svc.Name, d, dependency))
		}
	}
	return after
}

// wait adds the wait for one container of a dependency, once however many depend on it.
func (p *planner) wait(dependant string, d decision, dependency types.ServiceDependency) int {
	key := d.called() + " " + dependency.Condition
	if op, ok := p.made.waits[key]; ok {
		return op
	}
	var after []int
	if started, ok := p.made.starts[d.called()]; ok {
		after = append(after, started)
	}
	op := p.plan.Add(d.service.Name, steps.AwaitDependency{Name: d.called(), Condition: dependency.Condition, Optional: !dependency.Required, Limit: p.options.WaitTimeout},
		"service "+strconv.Quote(dependant)+" depends on it: "+dependency.Condition, after...)
	p.made.waits[key] = op
	return op
}
