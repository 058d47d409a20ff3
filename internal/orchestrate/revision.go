package orchestrate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

// maxRevisions is how many earlier revisions of a service are kept.
const maxRevisions = 3

// Revision is an earlier configuration of a service, kept as a container that is never started: the engine keeps its
// settings as it keeps those of any container, and its image from being pruned.
type Revision struct {
	Number  int
	Service string
	Name    string // the kept container's
	Image   string
	ImageID string
	Hash    string
	Created time.Time // when it was replaced

	config *container.Config // of the kept container; nil until it is loaded
	host   *container.HostConfig
}

// revision is the number of a kept container's revision; 0 for the history.
func (c Container) revision() int {
	n, _ := strconv.Atoi(c.Labels[LabelRevision]) // the history has none
	return n
}

// Revisions lists the kept revisions of a service, the oldest first; "" lists those of all.
func (o *Observed) Revisions(service string) []Revision {
	var found []Revision
	for _, c := range o.Kept {
		if n := c.revision(); n > 0 && (service == "" || c.Service == service) {
			found = append(found, Revision{Number: n, Service: c.Service, Name: c.Name, Image: c.Labels[LabelRevisionImage], ImageID: c.ImageID, Hash: c.Hash, Created: c.Created})
		}
	}
	return found
}

// Previous is the revision to which a service goes back: the one with the number, or, for 0, the newest that is not what
// runs now.
func (o *Observed) Previous(service string, number int) (Revision, error) {
	revisions := o.Revisions(service)
	running := o.of(service)
	for _, r := range slices.Backward(revisions) {
		same := slices.ContainsFunc(running, func(c Container) bool { return c.Hash == r.Hash && c.ImageID == r.ImageID })
		if number == r.Number || number == 0 && !same {
			return r, nil
		}
	}
	if number != 0 {
		return Revision{}, fmt.Errorf("finding revision %d of service %q: it is not kept; `stackctl history --revisions` lists those that are", number, service)
	}
	return Revision{}, fmt.Errorf("finding the revision before this one of service %q: none is kept; there is one once a replica was replaced", service)
}

// Load reads the revision's whole configuration.
func (r *Revision) Load(ctx context.Context, reader Reader) error {
	info, err := inspect(ctx, reader, r.Name)
	if err != nil {
		return fmt.Errorf("inspecting revision %q: %w", r.Name, err)
	}
	r.config, r.host = info.Config, info.HostConfig
	return nil
}

// fields are those of its configuration, see stack.Fields.
func (r Revision) fields() map[string]string {
	var fields map[string]string
	_ = json.Unmarshal([]byte(r.config.Labels[LabelFields]), &fields) // another tool's container has none to name
	return fields
}

// create is the configuration as it was, for this replica.
func (r Revision) create(d replica) createContainer {
	config, host := *r.config, *r.host
	config.Labels = maps.Clone(r.config.Labels)
	delete(config.Labels, LabelKept)
	delete(config.Labels, LabelRevision)
	delete(config.Labels, LabelRevisionImage)
	config.Labels[LabelProject] = d.stack.Project.Name
	config.Labels[LabelOneOff] = "False"
	config.Labels[LabelContainerNumber] = strconv.Itoa(d.number)
	config.Image, host.NetworkMode = d.image.Ref, d.networkMode()
	return createContainer{Name: d.name(), Config: &config, Host: &host, Networking: d.networking()}
}

// keepRevision keeps the configuration of a container that is about to be replaced.
type keepRevision struct {
	bounded
	Project string
	Of      string // the container's ID
	Name    string
	Number  int
}

func (a keepRevision) Verb() string   { return "keep revision" }
func (a keepRevision) Object() string { return a.Name }
func (a keepRevision) apply(ctx context.Context, w Writer) error {
	info, err := w.ContainerInspect(ctx, a.Of)
	if err != nil {
		return err
	}
	config, host := *info.Config, withoutFiles(*info.HostConfig, info.Mounts)
	config.Labels = maps.Clone(info.Config.Labels)
	delete(config.Labels, LabelProject)
	config.Labels[LabelKept], config.Labels[LabelRevision], config.Labels[LabelRevisionImage] = a.Project, strconv.Itoa(a.Number), info.Config.Image
	config.Image, host.NetworkMode, host.Mounts = info.Image, "none", withoutData(host.Mounts)
	if config.Hostname == info.ID[:min(12, len(info.ID))] {
		config.Hostname = "" // the engine's own choice
	}
	_, err = w.ContainerCreate(ctx, &config, &host, &network.NetworkingConfig{}, nil, a.Name)
	return err
}

func (a keepRevision) undo() []Action { return []Action{removeContainer{Name: a.Name, ID: a.Name}} }

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
	var others, dropped []Revision
	for _, r := range p.observed.Revisions(service) {
		number = max(number, r.Number+1)
		if r.Hash == d.old.Hash && r.ImageID == d.old.ImageID { // kept before: it is the newest again
			dropped = append(dropped, r)
		} else {
			others = append(others, r)
		}
	}
	name := fmt.Sprintf("%s-%s-revision-%d", p.stack.Project.Name, service, number)
	p.plan.add(service, keepRevision{Project: p.stack.Project.Name, Of: d.old.ID, Name: name, Number: number}, "'stackctl rollback' goes back to it")
	p.dropped = slices.Concat(p.dropped, dropped, others[:max(0, len(others)-maxRevisions+1)])
}

// planDrops drops revisions when all that was planned for their service has succeeded: a change that fails goes back, and
// has taken nothing away by then.
func (p *planner) planDrops() {
	for _, r := range p.dropped {
		var after []int
		for i, op := range p.plan.Ops {
			if _, drops := op.Action.(dropRevision); op.Service == r.Service && !drops {
				after = append(after, i)
			}
		}
		p.plan.add(r.Service, dropRevision{Name: r.Name}, fmt.Sprintf("%d newer ones are kept", maxRevisions), p.plan.last(after)...)
	}
}

// dropRevision removes a kept revision.
type dropRevision struct {
	bounded
	Name string
}

func (a dropRevision) Verb() string   { return "drop revision" }
func (a dropRevision) Object() string { return a.Name }
func (a dropRevision) apply(ctx context.Context, w Writer) error {
	return ignoreGone(w.ContainerRemove(ctx, a.Name, container.RemoveOptions{RemoveVolumes: true}))
}
