package orchestrate

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"stackctl.dev/stackctl/internal/stack"
)

// Anonymous volumes that an image or a Compose file asks for may hold data, such as a database's. As with docker compose, a
// container that replaces another gets them, and they outlive a container unless volumes are to be removed with it.

// anonymousName is what the engine calls an anonymous volume.
var anonymousName = regexp.MustCompile("^[0-9a-f]{64}$")

func (c *Container) addVolumes(mounts []container.MountPoint) {
	var folders []string
	_ = json.Unmarshal([]byte(c.Labels[LabelFolders]), &folders) // without the label it has none
	c.Data, c.Volumes = map[string]string{}, map[string]string{}
	for _, m := range mounts {
		if m.Type == mount.TypeVolume {
			c.Volumes[m.Destination] = m.Name
		}
		c.mountsFiles = c.mountsFiles || m.Destination == filesFolder
		switch {
		case m.Type != mount.TypeVolume || !anonymousName.MatchString(m.Name):
		case m.Destination == filesFolder || slices.Contains(folders, m.Destination):
			c.folders = append(c.folders, m.Name)
		default:
			c.Data[m.Destination] = m.Name
		}
	}
}

// removal removes the container, and its data only if volumes says so.
func (c Container) removal(kill, volumes bool) removeContainer {
	remove := removeContainer{Name: c.Name, ID: c.ID, Kill: kill}
	if len(c.Data) > 0 && !volumes {
		remove.Keep, remove.Folders = true, c.folders
	}
	return remove
}

// inherit gives the container that replaces another the data of that, but for paths where the service has something else
// by now, or does not want a volume any more.
func inherit(action createContainer, d decision) error {
	fields, err := stack.Fields(d.service)
	if err != nil {
		return err
	}
	host := action.Host
	host.Mounts = slices.Clone(host.Mounts) // a revision's are shared
	for _, target := range slices.Sorted(maps.Keys(d.old.Data)) {
		name := d.old.Data[target]
		at := func(m mount.Mount) bool { return m.Target == target }
		i := slices.IndexFunc(host.Mounts, at)
		_, isTmpfs := host.Tmpfs[target]
		isBind := slices.ContainsFunc(host.Binds, func(bind string) bool { return strings.Split(bind, ":")[1] == target })
		switch {
		case isTmpfs || isBind || i >= 0 && (host.Mounts[i].Type != mount.TypeVolume || host.Mounts[i].Source != ""):
		case i >= 0:
			host.Mounts[i].Source = name
		case !isVolume(d.old.Fields, target) || isVolume(fields, target):
			host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: name, Target: target})
		}
	}
	return nil
}

// withoutData is a container's mounts with anonymous volumes of their own in the place of those that it inherited.
func withoutData(mounts []mount.Mount) []mount.Mount {
	mounts = slices.Clone(mounts)
	for i, m := range mounts {
		if anonymousName.MatchString(m.Source) {
			mounts[i].Source = ""
		}
	}
	return mounts
}

// isVolume reports whether a service's fields list a volume at the path.
func isVolume(fields map[string]string, target string) bool {
	for path, value := range fields {
		if strings.HasPrefix(path, "volumes.") && strings.HasSuffix(path, ".target") && value == target {
			return true
		}
	}
	return false
}
