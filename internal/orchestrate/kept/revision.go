package kept

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

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

	Config *container.Config // of the kept container; nil until it is loaded
	Host   *container.HostConfig
}

// Revisions lists the kept revisions of a service, the oldest first; "" lists those of all.
func Revisions(o *observe.Observed, service string) []Revision {
	var found []Revision
	for _, c := range o.Kept {
		if n := c.Revision(); n > 0 && (service == "" || c.Service == service) {
			found = append(found, Revision{Number: n, Service: c.Service, Name: c.Name, Image: c.Labels[label.RevisionImage], ImageID: c.ImageID, Hash: c.Hash, Created: c.Created})
		}
	}
	return found
}

// Previous is the revision to which a service goes back: the one with the number, or, for 0, the newest that is not what
// runs now.
func Previous(o *observe.Observed, service string, number int) (Revision, error) {
	revisions := Revisions(o, service)
	running := o.Of(service)
	for _, r := range slices.Backward(revisions) {
		same := slices.ContainsFunc(running, func(c observe.Container) bool { return c.Hash == r.Hash && c.ImageID == r.ImageID })
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
func (r *Revision) Load(ctx context.Context, reader observe.Reader) error {
	info, err := reader.ContainerInspect(ctx, r.Name)
	if err != nil {
		return fmt.Errorf("inspecting revision %q: %w", r.Name, err)
	}
	r.Config, r.Host = info.Config, info.HostConfig
	return nil
}

// Fields are those of its configuration, see stack.Fields.
func (r Revision) Fields() map[string]string {
	var fields map[string]string
	_ = json.Unmarshal([]byte(r.Config.Labels[label.Fields]), &fields) // another tool's container has none to name
	return fields
}
