package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// fallbackImage is the tag that every build of the web image gets besides its own.
const fallbackImage = "stackctl-web:latest"

// StoreError says why the stack's Redis cannot be reached.
type StoreError struct{ Project, Reason, Next string }

func (e *StoreError) Error() string {
	return fmt.Sprintf("reaching Redis of project %q: %s; %s", e.Project, e.Reason, e.Next)
}

// StoreAddress finds the address of the project's Redis as seen from inside the project.
func (e *Engine) StoreAddress(ctx context.Context, project string) (string, error) {
	containers, err := orchestrate.Containers(ctx, e, project)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(containers, func(c orchestrate.Container) bool { return c.Labels[orchestrate.LabelStorePort] != "" })
	switch {
	case len(containers) == 0:
		return "", &StoreError{project, "the project has no containers", "start it with `stackctl up`, or name another with --project-name"}
	case i < 0:
		return "", &StoreError{project, "none of its containers is marked as its store", "set x-stackctl.store in the Compose file and run `stackctl up`"}
	case !containers[i].Running():
		return "", &StoreError{project, fmt.Sprintf("container %s is %s", containers[i].Name, containers[i].State), "start it with `stackctl up`; `stackctl logs " + containers[i].Service + "` may say why it stopped"}
	}
	return net.JoinHostPort(containers[i].Service, containers[i].Labels[orchestrate.LabelStorePort]), nil
}

// DialService connects to a host:port as seen from inside the project: through a running container that carries
// stackctl or, when there is none, through a one-off container of the same image.
func (e *Engine) DialService(ctx context.Context, project, address string) (net.Conn, error) {
	containers, err := orchestrate.Containers(ctx, e, project)
	if err != nil {
		return nil, err
	}
	image, networkName := "", ""
	for _, c := range containers {
		if c.Labels[orchestrate.LabelTunnel] == "" || c.OneOff {
			for name := range c.Addresses {
				networkName = cmp.Or(networkName, name)
			}
			continue
		}
		if c.State == "running" {
			return e.Dial(ctx, c.ID, address)
		}
		image = cmp.Or(image, c.ImageID)
		for name := range c.Addresses {
			networkName = name
		}
	}
	if networkName == "" {
		return nil, &StoreError{project, "the project has no network", "start it with `stackctl up`"}
	}
	return e.dialOneOff(ctx, project, networkName, cmp.Or(image, fallbackImage), address)
}

// dialOneOff runs the tunnel as a container of its own, which ends and vanishes with the connection.
func (e *Engine) dialOneOff(ctx context.Context, project, networkName, image, address string) (net.Conn, error) {
	pids := int64(32)
	created, err := e.ContainerCreate(ctx, &container.Config{
		Image: image, Entrypoint: append(append([]string{}, tunnelCommand...), address), Cmd: []string{},
		OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Labels: map[string]string{orchestrate.LabelProject: project, orchestrate.LabelService: "tunnel", orchestrate.LabelOneOff: "True", orchestrate.LabelHelper: "tunnel"},
	}, &container.HostConfig{
		AutoRemove: true, NetworkMode: container.NetworkMode(networkName), ReadonlyRootfs: true,
		CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"},
		Resources: container.Resources{Memory: 64 << 20, PidsLimit: &pids},
	}, &network.NetworkingConfig{}, nil, "")
	if err != nil {
		return nil, fmt.Errorf("creating a one-off container for the tunnel: %w", err)
	}
	remove := func() {
		// The caller's context may be the reason for the end.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = e.ContainerRemove(ctx, created.ID, container.RemoveOptions{Force: true})
	}
	stream, err := e.ContainerAttach(ctx, created.ID, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		remove()
		return nil, fmt.Errorf("attaching to the tunnel's container: %w", err)
	}
	if err := e.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		stream.Close()
		remove()
		return nil, fmt.Errorf("starting the tunnel's container: %w", err)
	}
	return NewConn(stream, address, remove), nil
}

// ErrNoReplica says that no running container carries stackctl.
var ErrNoReplica = errors.New("no running container carries stackctl")

// Lookup resolves names inside a running container of the service, and returns one "name address" for each.
func (e *Engine) Lookup(ctx context.Context, project, service string, names []string) ([]string, error) {
	containers, err := orchestrate.Containers(ctx, e, project)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(containers, func(c orchestrate.Container) bool {
		return c.Service == service && !c.OneOff && c.State == "running"
	})
	if i < 0 {
		return nil, ErrNoReplica
	}
	var out, failure bytes.Buffer
	code, err := e.Exec(ctx, containers[i].ID, Exec{Command: append([]string{"/stackctl", "lookup"}, names...), Out: &out, Err: &failure})
	if err != nil {
		return nil, err
	}
	if code != 0 {
		return nil, fmt.Errorf("resolving names in container %q: %s", containers[i].Name, strings.TrimSpace(failure.String()))
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n"), nil
}
