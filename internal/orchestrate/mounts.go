package orchestrate

import (
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/mount"
)

// mounts lists the service's volumes, and one anonymous volume for each of configFolders: the engine refuses to write anywhere
// else in a read-only container.
func (r replica) mounts() (mounts []mount.Mount, binds []string, err error) {
	for _, v := range r.service.Volumes {
		m := mount.Mount{Type: mount.Type(v.Type), Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
		switch v.Type {
		case types.VolumeTypeVolume:
			if named, ok := r.stack.Project.Volumes[v.Source]; ok {
				m.Source = named.Name
			}
			if v.Volume != nil {
				m.VolumeOptions = &mount.VolumeOptions{NoCopy: v.Volume.NoCopy}
			}
		case types.VolumeTypeTmpfs:
			if v.Tmpfs != nil {
				m.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: int64(v.Tmpfs.Size), Mode: os.FileMode(v.Tmpfs.Mode)}
			}
		case types.VolumeTypeBind:
			if v.Bind != nil && bool(v.Bind.CreateHostPath) {
				// Only this older form makes the engine create the path on its host.
				binds = append(binds, bindOf(v))
				continue
			}
		default:
			return nil, nil, fmt.Errorf("mounting %q in service %q: type %q is not supported; use volume, bind or tmpfs", v.Target, r.service.Name, v.Type)
		}
		mounts = append(mounts, m)
	}
	for _, dir := range r.configFolders() {
		if dir == "/" {
			return nil, nil, fmt.Errorf("mounting the configs of service %q: its root is read-only; give each config a target in a folder of its own", r.service.Name)
		}
		mounts = append(mounts, mount.Mount{Type: mount.TypeVolume, Target: dir})
	}
	return mounts, binds, nil
}

func bindOf(v types.ServiceVolumeConfig) string {
	bind := v.Source + ":" + v.Target
	if v.ReadOnly {
		bind += ":ro"
	}
	return bind
}

// configFolders lists the directories that configs are written to and that have to be volumes for that: all of a read-only
// container, and those below a tmpfs, which would hide them.
func (r replica) configFolders() []string {
	var dirs []string
	for _, target := range fileTargets(r.service) {
		dir := path.Dir(path.Clean(target))
		_, isTmpfs := r.mountOf(target)
		if (r.service.ReadOnly || isTmpfs) && !r.isMounted(target) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
