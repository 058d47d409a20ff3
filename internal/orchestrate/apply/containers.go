package apply

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/poll"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

func createContainer(ctx context.Context, w Engine, a steps.CreateContainer) error {
	host, done := a.Host, func(bool) error { return nil }
	if len(a.Files) > 0 {
		var err error
		if host, done, err = stage(ctx, w, a); err != nil {
			return err
		}
	}
	_, err := w.ContainerCreate(ctx, a.Config, host, a.Networking, a.Platform, a.Name)
	return errors.Join(err, done(err == nil))
}

func removeContainer(ctx context.Context, w Engine, a steps.RemoveContainer) error {
	err := w.ContainerRemove(ctx, a.ID, container.RemoveOptions{Force: a.Kill, RemoveVolumes: !a.Keep})
	if observe.Underway(err) { // by someone else, or by the engine
		err = poll.Until(ctx, poll.Interval, func(ctx context.Context) (bool, error) {
			_, err := w.ContainerInspect(ctx, a.ID)
			return err != nil, observe.IgnoreGone(err)
		})
	}
	err = observe.IgnoreGone(err)
	for _, name := range a.Folders {
		if err == nil {
			err = observe.IgnoreGone(w.VolumeRemove(ctx, name, false))
		}
	}
	return err
}

func renameContainer(ctx context.Context, w Engine, a steps.RenameContainer) error {
	err := w.ContainerRename(ctx, cmp.Or(a.ID, a.Old), a.Name)
	if err != nil && strings.Contains(err.Error(), "same name as its current name") {
		return nil
	}
	return err
}

func killContainer(ctx context.Context, w Engine, a steps.KillContainer) error {
	err := w.ContainerKill(ctx, a.ID, a.Signal)
	if observe.NotRunning(err) {
		return nil // it has ended meanwhile
	}
	return err
}
