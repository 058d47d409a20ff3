package planner

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/mount"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
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
			if selinux(v) != "" {
				binds = append(binds, bindOf(m.Source, v))
				continue
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
				binds = append(binds, bindOf(v.Source, v))
				continue
			}
			if selinux(v) != "" {
				return nil, nil, fmt.Errorf("mounting %q in service %q: the engine labels a path for SELinux only where it may create it too; remove `selinux`, or `create_host_path: false`", v.Target, r.service.Name)
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

// bindOf is the older form of a mount, the only one in which the engine takes a label for SELinux.
func bindOf(source string, v types.ServiceVolumeConfig) string {
	var options []string
	if v.ReadOnly {
		options = append(options, "ro")
	}
	if relabel := selinux(v); relabel != "" {
		options = append(options, relabel)
	}
	if v.Volume != nil && v.Volume.NoCopy {
		options = append(options, "nocopy")
	}
	bind := source + ":" + v.Target
	if len(options) > 0 {
		bind += ":" + strings.Join(options, ",")
	}
	return bind
}

// selinux is z, for content that containers share, Z, for content of one alone, or "".
func selinux(v types.ServiceVolumeConfig) string {
	if v.Bind == nil {
		return ""
	}
	return v.Bind.SELinux
}

// configFolders lists the directories that configs are written to and that have to be volumes for that: all of a read-only
// container, and those below a tmpfs, which would hide them.
func (r replica) configFolders() []string {
	var dirs []string
	for _, target := range configs.FileTargets(r.service) {
		dir := path.Dir(path.Clean(target))
		_, isTmpfs := r.mountOf(target)
		if (r.service.ReadOnly || isTmpfs) && !r.isMounted(target) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
