package planner

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// A rolling replacement never leaves a front without a replica that answers: new replicas start beside the old ones, at
// addresses of their own, and once they are ready the front is told of them and forgets the old ones; when these have
// answered what they had, they stop, and the next follow. They are removed only when all new ones serve: until then a
// failure goes back to them.
//
// A new replica is created under the name that docker compose gives it too: the beginning of the old one's ID, "_", and
// the name that it gets in the end. That is how a later run knows it, whenever this one ends.

// successorName is what the container that replaces old is called while old is there.
func successorName(old *observe.Container, name string) string {
	return old.ID[:min(12, len(old.ID))] + "_" + name
}

// isSuccessor reports whether a container of that name was to get the name in the end.
func isSuccessor(name, final string) bool {
	id, rest, ok := strings.Cut(name, "_")
	return ok && len(id) == 12 && rest == final && strings.Trim(id, "0123456789abcdef") == ""
}

// called is the name of the replica's container while the plan runs.
func (d decision) called() string {
	switch d.fate {
	case rolling, replace:
		return successorName(d.old, d.name())
	case keep, start, unpause:
		return d.old.Name
	}
	return d.name()
}

// existing finds the container of a replica. Of several, which an interrupted replacement leaves behind, one that is as
// described comes before others, one that runs before those that do not, and the successor before the one it replaces.
func (p *planner) existing(d decision, hash string) *observe.Container {
	var found *observe.Container
	best := -1
	for _, c := range p.observed.Of(d.service.Name) {
		if c.Number != d.number {
			continue
		}
		rank := 0
		d.old = &c
		if fate, _, err := p.fateOf(d, hash); err == nil && fate != replace {
			rank += 8
		}
		if c.Running() {
			rank += 4
		}
		if isSuccessor(c.Name, d.name()) {
			rank += 2
		}
		if c.Name == d.name() {
			rank++
		}
		if rank > best {
			found, best = &c, rank
		}
	}
	return found
}

// canRoll reports whether a replica can be replaced while the old one serves: it runs, a front leads to it that can be
// told, and the two can be there side by side.
func (p *planner) canRoll(d decision) bool {
	if update := updateOf(d.service); update.Order == "stop-first" {
		return false
	}
	if d.fate != replace || !d.old.Running() || d.service.ContainerName != "" || len(d.service.Ports) > 0 || len(d.old.Data) > 0 || len(p.fronts(d)) == 0 {
		return false
	}
	if slices.ContainsFunc(p.decisions[d.service.Name], func(other decision) bool { return other.number != d.number && other.name() == d.old.Name }) {
		return false // another replica needs its name
	}
	for _, key := range d.networkKeys() {
		if config := d.service.Networks[key]; p.resources.renewed[key] != "" || config != nil && config.Ipv4Address != "" || !p.resources.books[key].hasFree() {
			return false
		}
	}
	return true
}

// decideStanding keeps the fronts that are not part of this run as they are, so that they can be told of its changes.
func (p *planner) decideStanding() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(p.stack.Project.DisabledServices)) {
		svc := p.stack.Project.DisabledServices[name]
		if _, ok := p.stack.Upstreams(svc); !ok {
			continue
		}
		for _, c := range p.observed.Of(name) {
			if c.Running() {
				p.decisions[name] = append(p.decisions[name], decision{replica: replica{stack: p.stack, service: svc, number: c.Number}, old: &c})
			}
		}
		if len(p.decisions[name]) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// fronts lists the containers that lead to a replica and can be told of another address while they run.
func (p *planner) fronts(d decision) []decision {
	var found []decision
	for _, name := range slices.Sorted(maps.Keys(p.decisions)) {
		for _, front := range p.decisions[name] {
			if front.fate == keep && front.old.Running() && p.leadsTo(front, d.service.Name) {
				found = append(found, front)
			}
		}
	}
	return found
}

func (p *planner) leadsTo(front decision, service string) bool {
	return slices.Contains(p.behind(front), service)
}

// behind lists the services to which a front leads: those of its upstreams, and the one with the stack's URL, to which it redirects.
func (p *planner) behind(front decision) []string {
	config, ok := p.stack.Upstreams(front.service)
	if !ok {
		return nil
	}
	services := stack.UpstreamServices(p.stack.Project.Configs[config].Content)
	if u := p.stack.Extension.URL; u != nil && u.Service != front.service.Name {
		services = append(services, u.Service)
	}
	return services
}

// planRolling replaces the replicas of a service that can be replaced while they serve, some at a time.
func (p *planner) planRolling(name string) error {
	var indexes []int
	for i, d := range p.decisions[name] {
		if d.fate == rolling {
			indexes = append(indexes, i)
		}
	}
	var before []int
	if len(indexes) == 0 {
		return nil
	}
	parallel, rest := p.paceOf(p.decisions[name][0].service, len(indexes))
	for batch := range slices.Chunk(indexes, parallel) {
		if len(before) > 0 && rest > 0 {
			before = []int{p.plan.Add(name, steps.Pause{After: name, For: rest}, "the time between two batches", before...)}
		}
		var ready []int
		for _, i := range batch {
			d := &p.decisions[name][i]
			if err := p.planCreate(*d, slices.Clone(before)); err != nil {
				return err
			}
			ready = append(ready, p.ready(*d))
			d.serves = true
		}
		told := slices.Clone(ready)
		for _, front := range p.fronts(p.decisions[name][batch[0]]) {
			after := slices.Concat(ready, p.newBehind(front))
			told = append(told, p.reload(front, p.files(front, false), "service "+strconv.Quote(name)+" has new replicas", after, p.options.Drain)...)
		}
		before = nil
		for _, i := range batch {
			d := p.decisions[name][i]
			p.made.stops[d.old.ID] = p.plan.Add(name, steps.StopContainer{Name: d.old.Name, ID: d.old.ID}, d.cause, sorted(told)...)
			before = append(before, p.made.stops[d.old.ID])
		}
	}
	return nil
}

// newBehind are the waits for services without replicas so far that a front's new configuration leads to.
func (p *planner) newBehind(front decision) (waits []int) {
	for _, name := range p.behind(front) {
		if !isNew(p.decisions[name]) {
			continue
		}
		for _, d := range p.decisions[name] {
			if _, begins := p.made.starts[d.called()]; begins {
				waits = append(waits, p.ready(d))
			}
		}
	}
	return waits
}

// updateOf is the service's deploy.update_config.
func updateOf(svc types.ServiceConfig) types.UpdateConfig {
	if svc.Deploy == nil || svc.Deploy.UpdateConfig == nil {
		return types.UpdateConfig{}
	}
	return *svc.Deploy.UpdateConfig
}

// paceOf is how many replicas of a service are replaced at once, and how long is waited before the next: as the options say,
// else as deploy.update_config does, where a parallelism of 0 means all.
func (p *planner) paceOf(svc types.ServiceConfig, all int) (parallel int, rest time.Duration) {
	update := updateOf(svc)
	parallel, rest = p.options.Parallel, p.options.Pause
	if parallel == 0 && update.Parallelism != nil {
		parallel = int(*update.Parallelism)
		if parallel == 0 {
			parallel = all
		}
	}
	if rest == 0 {
		rest = time.Duration(update.Delay)
	}
	return max(1, parallel), rest
}

// ready adds the wait until a new replica can take requests, once.
func (p *planner) ready(d decision) int {
	op, ok := p.made.readies[d.called()]
	if !ok {
		op = p.plan.Add(d.service.Name, steps.AwaitReady{Name: d.called(), Limit: p.options.WaitTimeout}, "requests go to it next", p.made.starts[d.called()])
		p.made.readies[d.called()] = op
	}
	return op
}

// planReload lets a container that is alive read its configs where they differ from those that it has.
func (p *planner) planReload(d decision, after ...int) {
	if !reloads(d) {
		return // with other configs it is replaced
	}
	files := p.files(d, true)
	if len(p.stale(d, files)) == 0 {
		return
	}
	var drain time.Duration
	for name, replicas := range p.decisions {
		if !p.leadsTo(d, name) {
			continue
		}
		for _, upstream := range replicas {
			if _, begins := p.made.starts[upstream.called()]; begins && upstream.fate != rolling {
				after = append(after, p.ready(upstream))
			}
		}
		if slices.ContainsFunc(p.observed.Of(name), func(c observe.Container) bool { return c.Running() && !p.isReplica(c) }) {
			drain = p.options.Drain
		}
	}
	if slices.ContainsFunc(p.observed.Containers, func(c observe.Container) bool {
		return p.isOrphan(c) && p.removesOrphan(c) && c.Running() && c.Labels[label.Front] == ""
	}) {
		drain = p.options.Drain // its old configuration may lead there
	}
	p.reload(d, files, "its content changed", after, drain)
}

// reload adds the reload of a front where the files are not those that it has, or was told of last.
func (p *planner) reload(d decision, files []configs.File, cause string, after []int, drain time.Duration) []int {
	name, stale := d.called(), p.stale(d, files)
	if len(stale) == 0 {
		return nil
	}
	if last, ok := p.made.reloads[name]; ok {
		after = append(after, last)
	}
	extension := stack.ServiceExtensionOf(d.service)
	action := &steps.ReloadContainer{
		Name: name, Files: stale, MakeDirs: !d.service.ReadOnly, Signal: extension.Reload, Drain: drain, Notice: p.options.Notice,
		Check: extension.Check, Checked: configs.UpstreamsPath(p.stack, d.service),
	}
	if slices.ContainsFunc(files, func(f configs.File) bool { return strings.Contains(f.Content, extension.Leaving) }) {
		action.Leaving = extension.Leaving // who does not look at it needs no sign
	}
	op := p.plan.Add(d.service.Name, action, cause, sorted(after)...)
	p.made.reloads[name] = op
	p.made.staged[name] = map[string]configs.Stamp{}
	for _, f := range files {
		p.made.staged[name][f.Path] = f.Stamp()
	}
	return []int{op}
}

// stale picks the files of which the front has others, or which it has not read; all where a reload was left in its midst.
func (p *planner) stale(d decision, files []configs.File) []configs.File {
	var stale []configs.File
	last, told := p.made.staged[d.called()]
	leaving := d.old.Files[stack.ServiceExtensionOf(d.service).Leaving].Size > 0
	for _, f := range files {
		have, looked := d.old.Files[f.Path]
		if told && last[f.Path] != f.Stamp() ||
			!told && looked && (leaving || have != f.Stamp() || d.old.Files[configs.MarkOf(f).Path] != configs.StampOf(configs.MarkOf(f).Content)) {
			stale = append(stale, f)
		}
	}
	return stale
}
