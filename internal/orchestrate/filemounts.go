package orchestrate

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/strslice"
)

// A config or secret below a mount of its container cannot just be written there: a tmpfs hides what was written before its
// start, and in a volume or a folder of the engine's host it would stay behind. Such a file is mounted by itself, as docker
// compose does, but not from a path of the client's, which a remote engine does not have: it stands in an anonymous volume of
// the container, which goes with it. docs/adr/0019 has the reasons.

// filesFolder is where that volume is mounted.
const filesFolder = "/run/.stackctl"

// mountOf finds the innermost mount of the service, or volume of its image, in which a path lies; "" without one.
func (r replica) mountOf(file string) (target string, isTmpfs bool) {
	consider := func(mounted string, tmpfs bool) {
		mounted = path.Clean(mounted)
		if strings.HasPrefix(path.Clean(file), strings.TrimSuffix(mounted, "/")+"/") && len(mounted) >= len(target) {
			target, isTmpfs = mounted, tmpfs
		}
	}
	for _, v := range r.service.Volumes {
		consider(v.Target, v.Type == types.VolumeTypeTmpfs)
	}
	for _, mounted := range r.image.Volumes {
		consider(mounted, false)
	}
	for mounted := range tmpfsOf(r.service) {
		consider(mounted, true)
	}
	return target, isTmpfs
}

// isMounted reports whether a file is mounted by itself: one that lies in a mount, but for a folder below a tmpfs. Such a folder
// can be a volume, since nothing else is in it when the container starts.
func (r replica) isMounted(file string) bool {
	target, isTmpfs := r.mountOf(file)
	return target != "" && (!isTmpfs || path.Dir(path.Clean(file)) == target)
}

// split parts a replica's files into those that are written into it and those that are mounted.
func (r replica) split(files []File) (written, mounted []File) {
	for _, f := range files {
		if r.isMounted(f.Path) {
			mounted = append(mounted, f)
		} else {
			written = append(written, f)
		}
	}
	return written, mounted
}

// checkFiles refuses what a file that is mounted by itself cannot do: change while its program runs.
func (r replica) checkFiles() error {
	i := slices.IndexFunc(fileTargets(r.service), r.isMounted)
	if i < 0 || !reloads(decision{replica: r}) {
		return nil
	}
	return fmt.Errorf("mounting %q in service %q: it lies in a volume or tmpfs of the service, where it cannot be changed for a program that reloads it; give it a target outside of them",
		fileTargets(r.service)[i], r.service.Name)
}

// stage puts files into an anonymous volume, by way of a container that is never started, and returns how the container that
// gets them is to be created, and what is to be called when that is done or has failed.
func (a createContainer) stage(ctx context.Context, w Writer) (host *container.HostConfig, done func(created bool) error, err error) {
	labels := map[string]string{
		LabelProject: a.Config.Labels[LabelProject], LabelService: a.Config.Labels[LabelService], LabelOneOff: "True", LabelHelper: "files",
	}
	helper, err := w.ContainerCreate(ctx, &container.Config{Image: a.Config.Image, Cmd: strslice.StrSlice{"none"}, Labels: labels},
		&container.HostConfig{NetworkMode: "none", Mounts: []mount.Mount{{Type: mount.TypeVolume, Target: filesFolder}}}, &network.NetworkingConfig{}, a.Platform, "")
	if err != nil {
		return nil, nil, fmt.Errorf("creating a container to put files into: %w", err)
	}
	done = func(created bool) error {
		// The caller's context may be the reason for the end; the volume is the new container's by now, or nobody's.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return ignoreGone(w.ContainerRemove(ctx, helper.ID, container.RemoveOptions{Force: true, RemoveVolumes: !created}))
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
func fill(ctx context.Context, w Writer, id string, files []File) (source string, err error) {
	numbered := slices.Clone(files)
	for i := range numbered {
		numbered[i].Path = path.Join(filesFolder, strconv.Itoa(i))
	}
	if err := (writeFiles{Container: id, Files: numbered, Parts: written}).apply(ctx, w); err != nil {
		return "", err
	}
	info, err := inspect(ctx, w, id)
	if err != nil {
		return "", err
	}
	for _, m := range info.Mounts {
		if m.Destination == filesFolder && m.Source != "" {
			return m.Source, nil
		}
	}
	return "", fmt.Errorf("finding the volume at %q: the engine does not tell where it has it; give configs and secrets targets outside of volumes and tmpfs", filesFolder)
}

// withoutFiles is a container's configuration without the files that were mounted by themselves: they go with it.
func withoutFiles(host container.HostConfig, mounts []container.MountPoint) container.HostConfig {
	for _, m := range mounts {
		if m.Destination == filesFolder && m.Source != "" {
			host.VolumesFrom = nil
			host.Binds = slices.DeleteFunc(slices.Clone(host.Binds), func(bind string) bool { return strings.HasPrefix(bind, m.Source+"/") })
		}
	}
	return host
}
