package memory

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// box is a container.
type box struct {
	id, name  string
	serial    int
	config    container.Config
	host      container.HostConfig
	image     string // its ID
	dirs      []string
	state     string
	status    string // instead of the usual words, where it was set
	exit      int
	failure   string
	health    string
	restarts  int
	endpoints map[string]*endpoint // by network name
	mounts    map[string]string    // volumes by target
	own       []string             // those of them that are anonymous and go with it
	files     map[string]file      // outside of volumes, by path
	read      map[string]file      // what its program read at its start or last reload
	reloads   int                  // how often its program read them again
	signalled bool                 // a reload that waits for the end of a pause
	created   time.Time
	started   time.Time // zero before its first start
	finished  time.Time // zero before its first end
	program   Program   // its image's, since its last start
	process   Process   // nil while none runs
	journal   *journal
}

// endpoint is a container's end of a network.
type endpoint struct {
	config    network.EndpointSettings
	networkID string // "" before the first start
	address   netip.Addr
}

func (c *box) alive() bool { return c.state == "running" || c.state == "paused" }

// find takes an ID, the beginning of one, or a name.
func (e *Engine) find(ref string) (*box, error) {
	if c, ok := e.containers[ref]; ok {
		return c, nil
	}
	for _, c := range e.containers {
		if c.name == strings.TrimPrefix(ref, "/") || (len(ref) >= 12 && strings.HasPrefix(c.id, ref)) {
			return c, nil
		}
	}
	return nil, notFound("No such container: %s", ref)
}

// with runs a call on one container.
func (e *Engine) with(ctx context.Context, method, ref string, do func(*box) error) error {
	return e.call(ctx, method, ref, func() error {
		c, err := e.find(ref)
		if err != nil {
			return err
		}
		return do(c)
	})
}

// ContainerCreate makes a container, and volumes that its mounts name and nobody made. Networks are looked for at its
// start only.
func (e *Engine) ContainerCreate(ctx context.Context, config *container.Config, host *container.HostConfig, networking *network.NetworkingConfig, _ *ocispec.Platform, name string) (container.CreateResponse, error) {
	var id string
	err := e.call(ctx, "ContainerCreate", name, func() error {
		c, err := e.newBox(config, host, networking, name)
		if err == nil {
			id = c.id
		}
		return err
	})
	return container.CreateResponse{ID: id}, err
}

func (e *Engine) newBox(config *container.Config, host *container.HostConfig, networking *network.NetworkingConfig, name string) (*box, error) {
	image, ok := e.images[config.Image]
	if !ok {
		return nil, notFound("No such image: %s", config.Image)
	}
	id := e.newID()
	if name == "" {
		name = "random_" + id[:8]
	}
	if other, err := e.find("/" + name); err == nil {
		return nil, conflict("Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", "/"+name, other.id)
	}
	if len(networking.EndpointsConfig) > 1 {
		return nil, invalid("Container cannot be connected to network endpoints: %v", slices.Sorted(maps.Keys(networking.EndpointsConfig)))
	}
	c := &box{
		id: id, name: name, serial: e.serial, config: *config, host: *host, image: image.id, dirs: image.dirs, state: container.StateCreated,
		endpoints: map[string]*endpoint{}, mounts: map[string]string{}, files: map[string]file{}, created: e.now(), journal: newJournal(),
	}
	c.config.Labels = maps.Clone(config.Labels)
	c.config.Env = slices.Concat(config.Env, image.variables) // of two with one name, the engine keeps the first
	if err := e.mountAll(c); err != nil {
		return nil, err
	}
	if mode := host.NetworkMode; mode != "none" {
		settings := network.EndpointSettings{}
		if given := networking.EndpointsConfig[mode.NetworkName()]; given != nil {
			settings = *given
		}
		c.endpoints[mode.NetworkName()] = &endpoint{config: settings}
	}
	e.containers[id] = c
	e.happened(c, events.ActionCreate)
	return c, nil
}

func (e *Engine) mountAll(c *box) error {
	for _, from := range c.host.VolumesFrom {
		other, err := e.find(strings.TrimSuffix(from, ":ro"))
		if err != nil {
			return err
		}
		maps.Copy(c.mounts, other.mounts)
		c.own = append(c.own, other.own...)
	}
	mounts := slices.Clone(c.host.Mounts)
	for _, bind := range c.host.Binds {
		if part := strings.Split(bind, ":"); !strings.HasPrefix(part[0], "/") {
			mounts = append(mounts, mount.Mount{Type: mount.TypeVolume, Source: part[0], Target: part[1]})
		}
	}
	for _, m := range mounts {
		if m.Type != mount.TypeVolume {
			continue
		}
		name, anonymous := m.Source, m.Source == ""
		if anonymous {
			name = e.newID()
		}
		if e.volumes[name] == nil {
			e.volumes[name] = &disk{name: name, anonymous: anonymous, files: map[string]file{}}
		}
		c.mounts[m.Target] = name
		if anonymous {
			c.own = append(c.own, name)
		}
	}
	return nil
}

// ContainerRemove removes a container that does not run, or any if forced.
func (e *Engine) ContainerRemove(ctx context.Context, ref string, options container.RemoveOptions) error {
	return e.with(ctx, "ContainerRemove", ref, func(c *box) error {
		switch {
		case c.state == container.StateRemoving:
			return conflict("removal of container %s is already in progress", ref)
		case options.Force:
		case c.state == container.StatePaused:
			return conflict("You cannot remove a paused container %s. Unpause and then stop the container before attempting removal or force remove", c.id)
		case c.state == container.StateRunning, c.state == container.StateRestarting:
			return conflict("You cannot remove a %s container %s. Stop the container before attempting removal or force remove", c.state, c.id)
		}
		if c.alive() {
			e.halt(c, killed)
		}
		e.leaveNetworks(c)
		delete(e.containers, c.id)
		e.happened(c, events.ActionDestroy)
		for _, name := range c.own { // those that another container was given stay
			if options.RemoveVolumes && e.userOf(name) == "" {
				delete(e.volumes, name)
			}
		}
		return nil
	})
}

// ContainerRename gives a container another name, if no other has it.
func (e *Engine) ContainerRename(ctx context.Context, ref, name string) error {
	return e.with(ctx, "ContainerRename", ref, func(c *box) error {
		if other, err := e.find("/" + name); err == nil && other != c {
			return conflict("Error when allocating new name: Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", "/"+name, other.id)
		}
		c.name = name
		e.happened(c, events.ActionRename)
		return nil
	})
}
