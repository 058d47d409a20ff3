package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// projectPrefix keeps two runs of bench on one engine apart.
var projectPrefix = fmt.Sprintf("bench-%d-", os.Getpid())

// purgeLimit bounds the removal of one project.
const purgeLimit = time.Minute

// purge removes whatever carries the project's label. It looks until there is nothing left, since a tool that was
// interrupted may still be creating.
func (b *bench) purge(ctx context.Context, project string) error {
	ctx, cancel := context.WithTimeout(ctx, purgeLimit)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		found, err := b.purgeOnce(ctx, project)
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

// purgeOnce removes what there is, and returns how much that was. What is still in use goes with the next look.
func (b *bench) purgeOnce(ctx context.Context, project string) (found int, err error) {
	mine := filters.NewArgs(filters.Arg("label", orchestrate.LabelProject+"="+project))
	containers, err := b.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: mine})
	if err != nil {
		return 0, fmt.Errorf("listing containers: %w", err)
	}
	// History and kept revisions are containers without the project's label, so that Compose leaves them alone.
	kept, err := b.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", orchestrate.LabelKept+"="+project))})
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
		keep(b.engine.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	}
	networks, err := b.engine.NetworkList(ctx, network.ListOptions{Filters: mine})
	if err != nil {
		return 0, fmt.Errorf("listing networks: %w", err)
	}
	for _, n := range networks {
		keep(b.engine.NetworkRemove(ctx, n.ID))
	}
	volumes, err := b.engine.VolumeList(ctx, volume.ListOptions{Filters: mine})
	if err != nil {
		return 0, fmt.Errorf("listing volumes: %w", err)
	}
	for _, v := range volumes.Volumes {
		keep(b.engine.VolumeRemove(ctx, v.Name, true))
	}
	return len(containers) + len(networks) + len(volumes.Volumes), errors.Join(errs...)
}
