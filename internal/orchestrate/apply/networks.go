package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/poll"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

func createNetwork(ctx context.Context, w Engine, a steps.CreateNetwork) error {
	_, err := w.NetworkCreate(ctx, a.Name, a.Options)
	if a.Again && errdefs.IsConflict(err) {
		return nil
	}
	return err
}

func removeNetwork(ctx context.Context, w Engine, a steps.RemoveNetwork) error {
	deadline := time.Now().Add(endpointsGo)
	var failure error
	busy := false
	err := poll.Until(ctx, poll.Interval, func(ctx context.Context) (bool, error) {
		failure = observe.IgnoreGone(w.NetworkRemove(ctx, a.ID))
		busy = failure != nil && strings.Contains(failure.Error(), "active endpoint")
		return !busy || time.Now().After(deadline), nil
	})
	if busy && err == nil && isUnused(ctx, w, a.Name) {
		return fmt.Errorf("%w: %w", ErrMiscounted, failure)
	}
	return cmp.Or(err, failure)
}

// ErrMiscounted says that the engine takes an unused network for used. It is a race in engines such as 20.10
// (github.com/moby/moby/issues/42119) which has no remedy but a restart of the engine.
var ErrMiscounted = errors.New("no container uses it, but the engine has miscounted (moby issue 42119): `up` can go on with it, and it can be removed after a restart of the engine")

func isUnused(ctx context.Context, r observe.Reader, network string) bool {
	list, err := r.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("network", network))})
	return err == nil && len(list) == 0
}

// endpointsGo is how long the engine may take, when it is busy, to free a network of a container that it has removed.
const endpointsGo = 500 * time.Millisecond

func removeImage(ctx context.Context, w Engine, a steps.RemoveImage) error {
	_, err := w.ImageRemove(ctx, a.Ref, image.RemoveOptions{PruneChildren: true})
	if errdefs.IsConflict(err) {
		return warning("another container uses it: it stays")
	}
	return observe.IgnoreGone(err)
}

func leaveNetwork(ctx context.Context, w Engine, a *steps.LeaveNetwork) error {
	info, err := w.ContainerInspect(ctx, a.ID)
	if err != nil || info.NetworkSettings == nil || info.NetworkSettings.Networks[a.Network] == nil {
		return observe.IgnoreGone(err)
	}
	end := info.NetworkSettings.Networks[a.Network]
	a.Had = &network.EndpointSettings{IPAMConfig: end.IPAMConfig, Links: end.Links, Aliases: end.Aliases, DriverOpts: end.DriverOpts}
	return observe.IgnoreGone(w.NetworkDisconnect(ctx, a.Network, a.ID, false))
}

func joinNetwork(ctx context.Context, w Engine, a steps.JoinNetwork) error {
	if a.Left.Had == nil {
		return nil // it was not on it
	}
	end := *a.Left.Had
	if a.Recreated {
		end.IPAMConfig = nil
	}
	err := w.NetworkConnect(ctx, a.Left.Network, a.Left.ID, &end)
	if err != nil && strings.Contains(err.Error(), "already exists in network") {
		return nil // it has not left it
	}
	return observe.IgnoreGone(err)
}
