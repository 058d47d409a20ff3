package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/volume"
)

// disk is a volume.
type disk struct {
	name      string
	anonymous bool
	labels    map[string]string
	files     map[string]file // by the path in its containers: a volume is mounted at the same place in all of them
}

// mountpoint is where the engine has a volume.
func mountpoint(volume string) string { return "/var/lib/docker/volumes/" + volume + "/_data" }

// VolumeCreate makes a volume; one that exists is returned as it is.
func (e *Engine) VolumeCreate(ctx context.Context, options volume.CreateOptions) (volume.Volume, error) {
	var v volume.Volume
	err := e.call(ctx, "VolumeCreate", options.Name, func() error {
		name := options.Name
		if name == "" {
			name = e.newID()
		}
		if e.volumes[name] == nil {
			e.volumes[name] = &disk{name: name, labels: maps.Clone(options.Labels), files: map[string]file{}}
		}
		v = volume.Volume{Name: name, Driver: "local", Labels: e.volumes[name].labels}
		return nil
	})
	return v, err
}

// VolumeRemove removes a volume that no container has, running or not.
func (e *Engine) VolumeRemove(ctx context.Context, name string, _ bool) error {
	return e.call(ctx, "VolumeRemove", name, func() error {
		if e.volumes[name] == nil {
			return notFound("get %s: no such volume", name)
		}
		if user := e.userOf(name); user != "" {
			return conflict("remove %s: volume is in use - [%s]", name, user)
		}
		delete(e.volumes, name)
		return nil
	})
}

// userOf is the ID of a container that has the volume, running or not.
func (e *Engine) userOf(volume string) string {
	for _, c := range e.containers {
		if slices.Contains(slices.Collect(maps.Values(c.mounts)), volume) {
			return c.id
		}
	}
	return ""
}
