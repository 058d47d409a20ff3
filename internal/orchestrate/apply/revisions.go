package apply

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// withoutData is a container's mounts with anonymous volumes of their own in the place of those that it inherited.
func withoutData(mounts []mount.Mount) []mount.Mount {
	mounts = slices.Clone(mounts)
	for i, m := range mounts {
		if observe.AnonymousName.MatchString(m.Source) {
			mounts[i].Source = ""
		}
	}
	return mounts
}

// withoutFiles is a container's configuration without the files that were mounted by themselves: they go with it.
func withoutFiles(host container.HostConfig, mounts []container.MountPoint) container.HostConfig {
	for _, m := range mounts {
		if m.Destination == configs.FilesFolder && m.Source != "" {
			host.VolumesFrom = nil
			host.Binds = slices.DeleteFunc(slices.Clone(host.Binds), func(bind string) bool { return strings.HasPrefix(bind, m.Source+"/") })
		}
	}
	return host
}

func keepRevision(ctx context.Context, w Engine, a steps.KeepRevision) error {
	info, err := w.ContainerInspect(ctx, a.Of)
	if err != nil {
		return err
	}
	config, host := *info.Config, withoutFiles(*info.HostConfig, info.Mounts)
	config.Labels = maps.Clone(info.Config.Labels)
	delete(config.Labels, label.Project)
	config.Labels[label.Kept], config.Labels[label.Revision], config.Labels[label.RevisionImage] = a.Project, strconv.Itoa(a.Number), info.Config.Image
	config.Image, host.NetworkMode, host.Mounts = info.Image, "none", withoutData(host.Mounts)
	if config.Hostname == info.ID[:min(12, len(info.ID))] {
		config.Hostname = "" // the engine's own choice
	}
	_, err = w.ContainerCreate(ctx, &config, &host, &network.NetworkingConfig{}, nil, a.Name)
	return err
}
