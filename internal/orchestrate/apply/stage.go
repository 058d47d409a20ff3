package apply

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/strslice"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// stage puts files into an anonymous volume, by way of a container that is never started, and returns how the container that
// gets them is to be created, and what is to be called when that is done or has failed.
func stage(ctx context.Context, w Engine, a steps.CreateContainer) (host *container.HostConfig, done func(created bool) error, err error) {
	labels := map[string]string{
		label.Project: a.Config.Labels[label.Project], label.Service: a.Config.Labels[label.Service], label.OneOff: "True", label.Helper: "files",
	}
	helper, err := w.ContainerCreate(ctx, &container.Config{Image: a.Config.Image, Cmd: strslice.StrSlice{"none"}, Labels: labels},
		&container.HostConfig{NetworkMode: "none", Mounts: []mount.Mount{{Type: mount.TypeVolume, Target: configs.FilesFolder}}}, &network.NetworkingConfig{}, a.Platform, "")
	if err != nil {
		return nil, nil, fmt.Errorf("creating a container to put files into: %w", err)
	}
	done = func(created bool) error {
		// The caller's context may be the reason for the end; the volume is the new container's by now, or nobody's.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return observe.IgnoreGone(w.ContainerRemove(ctx, helper.ID, container.RemoveOptions{Force: true, RemoveVolumes: !created}))
	}
	source, err := fill(ctx, w, helper.ID, a.Files)
	if err != nil {
		return nil, nil, errors.Join(err, done(false))
	}
	copied := *a.Host
	copied.VolumesFrom = []string{helper.ID + ":ro"} // an anonymous volume stays one: it goes with the container
	copied.Binds = slices.Clone(copied.Binds)
	for i, f := range a.Files {
		copied.Binds = append(copied.Binds, path.Join(source, strconv.Itoa(i))+":"+f.Path+":ro")
	}
	return &copied, done, nil
}

// fill writes the files, named by their numbers, and returns where the engine has the volume.
func fill(ctx context.Context, w Engine, id string, files []configs.File) (source string, err error) {
	numbered := slices.Clone(files)
	for i := range numbered {
		numbered[i].Path = path.Join(configs.FilesFolder, strconv.Itoa(i))
	}
	if err := writeFiles(ctx, w, steps.WriteFiles{Container: id, Files: numbered, Parts: steps.Written}); err != nil {
		return "", err
	}
	info, err := w.ContainerInspect(ctx, id)
	if err != nil {
		return "", err
	}
	for _, m := range info.Mounts {
		if m.Destination == configs.FilesFolder && m.Source != "" {
			return m.Source, nil
		}
	}
	return "", fmt.Errorf("finding the volume at %q: the engine does not say where it stores it; give configs and secrets targets outside of volumes and tmpfs", configs.FilesFolder)
}
