package rig

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// purgeLimit bounds the removal of one project.
const purgeLimit = time.Minute

// Purge removes everything with the project's label. It repeats until nothing is left, because a tool that was interrupted may still
// be creating containers.
func (r *Rig) Purge(ctx context.Context, project string) error {
	ctx, cancel := context.WithTimeout(ctx, purgeLimit)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		found, err := r.purgeOnce(ctx, project)
		if found == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("removing project %q: %w", project, errors.Join(ctx.Err(), err))
		case <-ticker.C:
		}
	}
}

// Mine filters by the project's label.
func Mine(project string) filters.Args {
	return filters.NewArgs(filters.Arg("label", label.Project+"="+project))
}

// purgeOnce removes what it finds, and returns how much that was. What is still in use is removed the next time.
func (r *Rig) purgeOnce(ctx context.Context, project string) (found int, err error) {
	containers, err := r.Engine.ContainerList(ctx, container.ListOptions{All: true, Filters: Mine(project)})
	if err != nil {
		return 0, fmt.Errorf("listing containers: %w", err)
	}
	// History and kept revisions are containers without the project's label, so that Compose leaves them alone.
	kept, err := r.Engine.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label.Kept+"="+project))})
	if err != nil {
		return 0, fmt.Errorf("listing what is kept: %w", err)
	}
	containers = append(containers, kept...)
	var errs []error
	keep := func(err error) {
		if err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	for _, c := range containers {
		keep(r.Engine.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	}
	networks, err := r.Engine.NetworkList(ctx, network.ListOptions{Filters: Mine(project)})
	if err != nil {
		return 0, fmt.Errorf("listing networks: %w", err)
	}
	for _, n := range networks {
		keep(r.Engine.NetworkRemove(ctx, n.ID))
	}
	volumes, err := r.Engine.VolumeList(ctx, volume.ListOptions{Filters: Mine(project)})
	if err != nil {
		return 0, fmt.Errorf("listing volumes: %w", err)
	}
	for _, v := range volumes.Volumes {
		keep(r.Engine.VolumeRemove(ctx, v.Name, true))
	}
	return len(containers) + len(networks) + len(volumes.Volumes), errors.Join(errs...)
}
