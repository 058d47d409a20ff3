package orchestrate

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
	"github.com/docker/docker/api/types/network"
)

type createNetwork struct {
	bounded
	Name    string
	Options network.CreateOptions
	Anew    bool // in the place of another one
	Again   bool // where it is gone
}

func (a createNetwork) Verb() string   { return "create network" }
func (a createNetwork) Object() string { return a.Name }
func (a createNetwork) apply(ctx context.Context, w Writer) error {
	_, err := w.NetworkCreate(ctx, a.Name, a.Options)
	if a.Again && errdefs.IsConflict(err) {
		return nil
	}
	return err
}

func (a createNetwork) undo() []Action {
	if !a.Anew {
		return nil
	}
	return []Action{removeNetwork{Name: a.Name, ID: a.Name}}
}

type connectNetwork struct {
	bounded
	Network, Container string
	Endpoint           *network.EndpointSettings
}

func (a connectNetwork) Verb() string   { return "connect container" }
func (a connectNetwork) Object() string { return a.Container + " to " + a.Network }
func (a connectNetwork) apply(ctx context.Context, w Writer) error {
	return w.NetworkConnect(ctx, a.Network, a.Container, a.Endpoint)
}

type removeNetwork struct {
	bounded
	Name, ID string
	Had      *network.CreateOptions // how to make it again; nil where it is not
}

func (a removeNetwork) Verb() string   { return "remove network" }
func (a removeNetwork) Object() string { return a.Name }
func (a removeNetwork) apply(ctx context.Context, w Writer) error {
	deadline := time.Now().Add(endpointsGo)
	var failure error
	busy := false
	err := poll(ctx, pollInterval, func(ctx context.Context) (bool, error) {
		failure = ignoreGone(w.NetworkRemove(ctx, a.ID))
		busy = failure != nil && strings.Contains(failure.Error(), "active endpoint")
		return !busy || time.Now().After(deadline), nil
	})
	if busy && err == nil && isUnused(ctx, w, a.Name) {
		return fmt.Errorf("%w: %w", ErrMiscounted, failure)
	}
	return cmp.Or(err, failure)
}

func (a removeNetwork) undo() []Action {
	if a.Had == nil {
		return nil
	}
	return []Action{createNetwork{Name: a.Name, Options: *a.Had, Again: true}}
}

// ErrMiscounted says that the engine takes an unused network for used. It is a race in engines such as 20.10
// (github.com/moby/moby/issues/42119) which has no remedy but a restart of the engine.
var ErrMiscounted = errors.New("no container uses it, but the engine has miscounted (moby issue 42119): `up` can go on with it, and it can be removed after a restart of the engine")

func isUnused(ctx context.Context, r Reader, network string) bool {
	list, err := r.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("network", network))})
	return err == nil && len(list) == 0
}

// endpointsGo is how long the engine may take, when it is busy, to free a network of a container that it has removed.
const endpointsGo = 500 * time.Millisecond
