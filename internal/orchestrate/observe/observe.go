// Package observe looks at what an engine has of a project, and parses it and its labels once. Nothing in it can change anything.
package observe

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// Holder names the container that runs with the address on a network that another one, which does not run, was given too.
func (o *Observed) Holder(c Container, network string) string {
	if c.Alive() || !c.Addresses[network].IsValid() {
		return ""
	}
	for _, other := range o.Containers {
		if other.Alive() && other.Addresses[network] == c.Addresses[network] {
			return other.Name
		}
	}
	return ""
}

// KeepServices leaves out of the snapshot the containers of services that are not listed, and the networks that these
// are on, as `down` without --remove-orphans does when it knows the Compose file.
func (o *Observed) KeepServices(services []string) (orphans []string) {
	inUse := map[string]bool{}
	o.Containers = slices.DeleteFunc(o.Containers, func(c Container) bool {
		if c.OneOff || slices.Contains(services, c.Service) {
			return false
		}
		orphans = append(orphans, c.Name)
		for name := range c.Addresses {
			inUse[name] = true
		}
		return true
	})
	o.Networks = slices.DeleteFunc(o.Networks, func(n Network) bool { return inUse[n.Name] })
	return orphans
}

// Lister lists containers.
type Lister interface {
	ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error)
}

// Reader is what observing needs of an engine: nothing in it can change anything.
type Reader interface {
	Lister
	ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error)
	ContainerLogs(ctx context.Context, id string, options container.LogsOptions) (io.ReadCloser, error)
	Events(ctx context.Context, options events.ListOptions) (<-chan events.Message, <-chan error)
	ContainerStatPath(ctx context.Context, id, path string) (container.PathStat, error)
	CopyFromContainer(ctx context.Context, id, path string) (io.ReadCloser, container.PathStat, error)
	NetworkList(ctx context.Context, options network.ListOptions) ([]network.Summary, error)
	VolumeList(ctx context.Context, options volume.ListOptions) (volume.ListResponse, error)
	ImageInspect(ctx context.Context, id string, options ...client.ImageInspectOption) (image.InspectResponse, error)
	ImageList(ctx context.Context, options image.ListOptions) ([]image.Summary, error)
}

// Observed is one snapshot of what the engine has. Labels are parsed here, once.
type Observed struct {
	Project    string
	Containers []Container // of the project, one-off ones too, sorted by service and number
	Networks   []Network   // of the project or with a name that it needs
	Volumes    []Volume    // likewise
	Others     []Other     // containers of nobody or of other projects
	Kept       []Container // never started: earlier revisions and the history, sorted by their number
	Subnets    []netip.Prefix

	Stops Stopping // where that was asked for
}

// Container is a container of the project.
type Container struct {
	ID, Name  string
	Service   string
	Number    int // from 1
	OneOff    bool
	State     string // created, running, paused, restarting, removing, exited or dead
	Status    string // in the engine's words, such as "Up 2 minutes (healthy)"
	Health    string // starting, healthy, unhealthy or "" without a healthcheck
	Image     string
	ImageID   string
	Hash      string
	Fields    map[string]string
	Created   time.Time
	Addresses map[string]netip.Addr // by network name, the fixed one when there is one
	Networks  map[string]string     // by network name: the ID of the one it was last started on, "" before its first start
	Ports     []container.Port
	Labels    map[string]string
	Files     map[string]configs.Stamp // its configs by path, where they were looked at
	Upstreams string                   // the config that has its upstreams, where it was read

	// Data are its anonymous volumes, by path: the image or the Compose file wants them, so that they may hold data.
	Data map[string]string
	// Volumes are all its volumes, by path.
	Volumes map[string]string
	Folders []string // the anonymous volumes that hold its configs
	// mountsFiles says that some of its configs are mounted by themselves: they cannot be written again.
	mountsFiles bool
}

// Helper reports whether stackctl runs the container for itself.
func (c Container) Helper() bool { return c.Labels[label.Helper] != "" }

// Running reports whether the container's process is there (it may be restarting).
func (c Container) Running() bool { return c.State == "running" || c.State == "restarting" }

// Alive reports whether the container has read its configs and will not read them again by itself.
func (c Container) Alive() bool { return c.Running() || c.State == "paused" }

// Network is a network of the engine; Project is "" when it belongs to no project.
type Network struct {
	ID, Name, Project, Key, Hash string
	Subnet                       netip.Prefix // the first IPv4 one
	Fixed                        bool         // its containers get fixed addresses
	Options                      network.CreateOptions
}

// Volume is a volume of the engine; Project is "" when it belongs to no project.
type Volume struct{ Name, Project, Key, Hash string }

// Port is a port of a container, as the engine lists it.
type Port = container.Port

// Other is a container that is not the project's.
type Other struct {
	Name, Project string
	Running       bool
	Ports         []container.Port
}

// Project takes the snapshot: three lists, side by side.
func Project(ctx context.Context, r Reader, project string) (*Observed, error) {
	o := &Observed{Project: project}
	return o, o.look(ctx, r)
}

func (o *Observed) look(ctx context.Context, r Reader) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		list, err := r.ContainerList(ctx, container.ListOptions{All: true})
		if err != nil {
			return fmt.Errorf("listing containers: %w", err)
		}
		o.addContainers(list)
		return nil
	})
	group.Go(func() error {
		list, err := r.NetworkList(ctx, network.ListOptions{})
		if err != nil {
			return fmt.Errorf("listing networks: %w", err)
		}
		o.addNetworks(list)
		return nil
	})
	group.Go(func() error {
		list, err := r.VolumeList(ctx, volume.ListOptions{})
		if err != nil {
			return fmt.Errorf("listing volumes: %w", err)
		}
		for _, v := range list.Volumes {
			if v == nil {
				continue
			}
			o.Volumes = append(o.Volumes, Volume{
				Name: v.Name, Project: v.Labels[label.Project], Key: v.Labels[label.Volume], Hash: v.Labels[label.ConfigHash],
			})
		}
		return nil
	})
	return group.Wait()
}

// Containers lists the project's containers alone, for those that need no more: one call.
func Containers(ctx context.Context, r Lister, project string) ([]Container, error) {
	o, err := Labelled(ctx, r, project, label.Project)
	if err != nil {
		return nil, err
	}
	return o.Containers, nil
}

// Labelled lists the containers on which a label of that name names the project.
func Labelled(ctx context.Context, r Lister, project, name string) (*Observed, error) {
	return List(ctx, r, project, filters.Arg("label", name+"="+project))
}

// List lists containers, all where no filter is given, and nothing else of the project.
func List(ctx context.Context, r Lister, project string, filter ...filters.KeyValuePair) (*Observed, error) {
	o := &Observed{Project: project}
	list, err := r.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filter...)})
	o.addContainers(list)
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	return o, nil
}

// Network finds a network by its name.
func (o *Observed) Network(name string) (Network, bool) {
	i := slices.IndexFunc(o.Networks, func(n Network) bool { return n.Name == name })
	if i < 0 {
		return Network{}, false
	}
	return o.Networks[i], true
}

// Volume finds a volume by its name.
func (o *Observed) Volume(name string) (Volume, bool) {
	i := slices.IndexFunc(o.Volumes, func(v Volume) bool { return v.Name == name })
	if i < 0 {
		return Volume{}, false
	}
	return o.Volumes[i], true
}

// Of returns the service's containers, one-off ones left out.
func (o *Observed) Of(service string) []Container {
	var found []Container
	for _, c := range o.Containers {
		if c.Service == service && !c.OneOff {
			found = append(found, c)
		}
	}
	return found
}

// IDs are those of the containers.
func (o *Observed) IDs() map[string]bool {
	ids := map[string]bool{}
	for _, c := range o.Containers {
		ids[c.ID] = true
	}
	return ids
}

// Replicas counts the replicas of a service: one that is being replaced has two containers.
func (o *Observed) Replicas(service string) int {
	numbers := map[int]bool{}
	for _, c := range o.Of(service) {
		numbers[c.Number] = true
	}
	return len(numbers)
}

// VolumeNames lists the volumes that are the project's own: those of its Compose file and its containers' data.
func (o *Observed) VolumeNames() []string {
	var names []string
	for _, v := range o.Volumes {
		if v.Project == o.Project {
			names = append(names, v.Name)
		}
	}
	for _, c := range o.Containers {
		names = slices.AppendSeq(names, maps.Values(c.Data))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Choose lists the containers of services, of all where none is named; one-off ones are left out.
func (o *Observed) Choose(services []string) ([]Container, error) {
	known := map[string]bool{}
	var found []Container
	for _, c := range o.Containers {
		if c.OneOff {
			continue
		}
		known[c.Service] = true
		if len(services) == 0 || slices.Contains(services, c.Service) {
			found = append(found, c)
		}
	}
	for _, service := range services {
		if !known[service] {
			return nil, fmt.Errorf("finding service %q: project %q has containers of %s; `stackctl up` makes others", service, o.Project, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return found, nil
}
