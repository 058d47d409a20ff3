package planner

import (
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/mount"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// removal removes the container, and its data only if volumes says so.
func removal(c observe.Container, kill, volumes bool) steps.RemoveContainer {
	remove := steps.RemoveContainer{Name: c.Name, ID: c.ID, Kill: kill}
	if len(c.Data) > 0 && !volumes {
		remove.Keep, remove.Folders = true, c.Folders
	}
	return remove
}

// inherit gives the container that replaces another the data of that, but for paths where the service has something else
// by now, or does not want a volume any more.
func inherit(action steps.CreateContainer, d decision) error {
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

// isVolume reports whether a service's fields list a volume at the path.
func isVolume(fields map[string]string, target string) bool {
	for path, value := range fields {
		if strings.HasPrefix(path, "volumes.") && strings.HasSuffix(path, ".target") && value == target {
			return true
		}
	}
	return false
}
