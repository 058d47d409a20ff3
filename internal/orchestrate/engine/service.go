package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
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
	containers, err := observe.Containers(ctx, e, project)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(containers, func(c observe.Container) bool { return c.Labels[label.StorePort] != "" })
	switch {
	case len(containers) == 0:
		return "", &StoreError{project, "the project has no containers", "start it with `stackctl up`, or name another with --project-name"}
	case i < 0:
		return "", &StoreError{project, "none of its containers is marked as its store", "set x-stackctl.store in the Compose file and run `stackctl up`"}
	case !containers[i].Running():
		return "", &StoreError{project, fmt.Sprintf("container %s is %s", containers[i].Name, containers[i].State), "start it with `stackctl up`; `stackctl logs " + containers[i].Service + "` may say why it stopped"}
	}
	return net.JoinHostPort(containers[i].Service, containers[i].Labels[label.StorePort]), nil
}

// maxPassword bounds a password, in bytes.
const maxPassword = 4 << 10

// StoreLogin returns the user and password for the project's Redis; the user is "" if it needs no login. The password is read in the
// project's vault, or in a container that the Compose file gives it to.
func (e *Engine) StoreLogin(ctx context.Context, project string) (user, password string, err error) {
	observed, err := observe.List(ctx, e, project)
	if err != nil {
		return "", "", err
	}
	for _, c := range observed.Containers {
		user = cmp.Or(user, c.Labels[label.StoreUser])
	}
	if user == "" {
		return "", "", nil
	}
	name, file := kept.PasswordFile(observed)
	if name == "" {
		return "", "", &StoreError{project, "its password is kept in a container that is no longer there", "`stackctl up` makes a new one"}
	}
	password, err = configs.ReadFile(ctx, e, name, file)
	if err != nil {
		return "", "", fmt.Errorf("reading the password of Redis in container %q: %w", name, err)
	}
	return user, strings.TrimRight(password[:min(len(password), maxPassword)], "\r\n"), nil
}

// ServiceState reports whether the project has containers of the service, and whether one of them runs.
func (e *Engine) ServiceState(ctx context.Context, project, service string) (exists, running bool, err error) {
	containers, err := observe.Containers(ctx, e, project)
	if err != nil {
		return false, false, err
	}
	for _, c := range containers {
		if c.Service == service && !c.OneOff {
			exists, running = true, running || c.Running()
		}
	}
	return exists, running, nil
}

// DialService connects to a host:port as seen from inside the project: through a running container that carries
// stackctl or, when there is none, through a one-off container of the same image.
func (e *Engine) DialService(ctx context.Context, project, address string) (net.Conn, error) {
	containers, err := observe.Containers(ctx, e, project)
	if err != nil {
		return nil, err
	}
	image, networkName, service := "", "", ""
	if host, _, err := net.SplitHostPort(address); err == nil {
		service = host
	}
	for _, c := range containers {
		if c.Labels[label.Tunnel] != "" && !c.OneOff {
			if c.State == "running" {
				return e.Dial(ctx, c.ID, address)
			}
			image = cmp.Or(image, c.ImageID)
		}
		for _, name := range slices.Sorted(maps.Keys(c.Addresses)) { // best one that the service itself is on
			if networkName == "" || c.Service == service {
				networkName = name
			}
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
		Labels: map[string]string{label.Project: project, label.Service: "tunnel", label.OneOff: "True", label.Helper: "tunnel"},
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
	containers, err := observe.Containers(ctx, e, project)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(containers, func(c observe.Container) bool {
		return c.Service == service && !c.OneOff && c.State == "running"
	})
	if i < 0 {
		return nil, ErrNoReplica
	}
	var out, failure head
	code, err := e.Exec(ctx, containers[i].ID, Exec{Command: append([]string{"/stackctl", "lookup"}, names...), Out: &out, Err: &failure})
	if err != nil {
		return nil, err
	}
	if code != 0 {
		words := cmp.Or(strings.TrimSpace(string(failure)), strings.TrimSpace(string(out)), fmt.Sprintf("exit code %d", code))
		return nil, fmt.Errorf("resolving names in container %q: %s", containers[i].Name, words)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), nil
}
