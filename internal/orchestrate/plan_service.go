package orchestrate

import (
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/stack"
)

func (d *decision) setAddress(key string, address netip.Addr) {
	if d.addresses == nil {
		d.addresses = map[string]netip.Addr{}
	}
	d.addresses[key] = address
}

// planService lists the steps for each of a service's replicas.
func (p *planner) planService(name string) error {
	for _, d := range p.decisions[name] {
		var err error
		switch d.fate {
		case keep:
			p.planKept(d)
		case start, unpause:
			p.planStart(d, d.cause, p.planFiles(d, d.cause, nil))
		case create:
			err = p.planCreate(d, nil)
		case replace:
			var removed []int
			if p.renewedFor(d) == "" {
				removed = []int{p.remove(*d.old, d.cause)}
			}
			err = p.planCreate(d, removed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// renewedFor names the network of the replica that is made anew: its containers are removed with that.
func (p *planner) renewedFor(d decision) string {
	for _, key := range d.networkKeys() {
		if _, ok := p.renewed[key]; ok {
			return key
		}
	}
	return ""
}

// planKept rewrites the configs of a running container where they differ, and reloads it.
func (p *planner) planKept(d decision) {
	p.plan.Kept++
	if !d.old.Running() {
		return
	}
	var stale []File
	for _, f := range p.files(d) {
		if have, ok := d.old.Files[f.Path]; ok && have != stampOf(f.Content) {
			stale = append(stale, f)
		}
	}
	if len(stale) == 0 {
		return
	}
	cause := "its content changed"
	after := p.replacedUpstreams(d)
	reload := p.plan.add(d.service.Name, reloadContainer{Name: d.name(), Signal: stack.ServiceExtensionOf(d.service).Reload}, cause,
		p.writeGroups(d, stale, cause, after)...)
	p.reloadOps = append(p.reloadOps, reload)
}

// replacedUpstreams lists the starts that a front must await before it is told of new replicas.
func (p *planner) replacedUpstreams(d decision) []int {
	var after []int
	for service := range d.service.DependsOn {
		for _, upstream := range p.decisions[service] {
			if op, ok := p.startOps[upstream.name()]; ok {
				after = append(after, op)
			}
		}
	}
	slices.Sort(after)
	return after
}

// planCreate makes a container and starts it. Only the start awaits the container's networks: the engine looks for them
// no earlier, so that creating and writing configs go on while networks are made (some 100 ms).
func (p *planner) planCreate(d decision, after []int) error {
	action, err := d.create()
	if err != nil {
		return err
	}
	for _, v := range d.service.Volumes {
		if op, ok := p.volumeOps[v.Source]; ok && v.Type == types.VolumeTypeVolume {
			after = append(after, op)
		}
	}
	created := p.plan.add(d.service.Name, action, d.cause, sorted(after)...)
	ready := p.planFiles(d, d.cause, []int{created})
	for i, key := range d.networkKeys() {
		network, isNew := p.networkOps[key]
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
		ready = append(ready, p.plan.add(d.service.Name, connectNetwork{Network: d.networkName(key), Container: d.name(), Endpoint: d.endpoint(key)}, d.cause, sorted(joins)...))
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
	files := p.files(d)
	if len(files) == 0 {
		return after
	}
	return p.writeGroups(d, files, cause, after)
}

// writeGroups adds one write for each directory.
func (p *planner) writeGroups(d decision, files []File, cause string, after []int) []int {
	byDir := map[string][]File{}
	for _, f := range files {
		byDir[path.Dir(f.Path)] = append(byDir[path.Dir(f.Path)], f)
	}
	var ops []int
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		ops = append(ops, p.plan.add(d.service.Name, writeFiles{Container: d.name(), Files: byDir[dir]}, cause, after...))
	}
	return ops
}

func (p *planner) planStart(d decision, cause string, after []int) {
	var action Action = startContainer{Name: d.name()}
	if d.fate == unpause {
		action = unpauseContainer{Name: d.name()}
	}
	after = append(slices.Clone(after), p.awaitDependencies(d.service)...)
	p.startOps[d.name()] = p.plan.add(d.service.Name, action, cause, sorted(after)...)
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
			started, ok := p.startOps[d.name()]
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
	key := d.name() + " " + dependency.Condition
	if op, ok := p.waitOps[key]; ok {
		return op
	}
	var after []int
	if started, ok := p.startOps[d.name()]; ok {
		after = append(after, started)
	}
	limit := p.options.WaitTimeout
	if limit <= 0 {
		limit = time.Minute
	}
	op := p.plan.add(d.service.Name, waitContainer{Name: d.name(), Condition: dependency.Condition, Optional: !dependency.Required, Limit: limit},
		"service "+strconv.Quote(dependant)+" depends on it: "+dependency.Condition, after...)
	p.waitOps[key] = op
	return op
}

// remove adds a graceful stop, where the container runs, and its removal.
func (p *planner) remove(c Container, cause string, after ...int) int {
	if c.Running() {
		after = []int{p.plan.add(c.Service, stopContainer{Name: c.Name, ID: c.ID}, cause, after...)}
	}
	return p.plan.add(c.Service, removeContainer{Name: c.Name, ID: c.ID, Kill: c.State == "paused" || c.State == "dead"}, cause, after...)
}

// planLeavers removes surplus replicas, after nginx has forgotten them, and the containers of services that are gone.
func (p *planner) planLeavers(order []string) {
	for _, name := range order {
		for _, c := range p.observed.of(name) {
			if c.Number > len(p.decisions[name]) && p.onKeptNetworks(c) {
				p.remove(c, "service "+strconv.Quote(name)+" has "+strconv.Itoa(len(p.decisions[name]))+" replicas", p.reloadOps...)
			}
		}
	}
	var orphans []string
	for _, c := range p.observed.Containers {
		if _, wanted := p.decisions[c.Service]; wanted || c.OneOff || !p.onKeptNetworks(c) {
			continue
		}
		if _, selected := p.stack.Project.DisabledServices[c.Service]; selected {
			continue
		}
		if p.options.RemoveOrphans {
			p.remove(c, "service "+strconv.Quote(c.Service)+" is not in the Compose file", p.reloadOps...)
			continue
		}
		orphans = append(orphans, c.Name)
	}
	if len(orphans) > 0 {
		p.plan.Warnings = append(p.plan.Warnings, "containers of services that the Compose file does not have: "+strings.Join(orphans, ", ")+"; --remove-orphans removes them")
	}
}

// onKeptNetworks is false for containers that are removed with a network already.
func (p *planner) onKeptNetworks(c Container) bool {
	for key := range p.renewed {
		if _, ok := c.Addresses[p.stack.Project.Networks[key].Name]; ok {
			return false
		}
	}
	return true
}
