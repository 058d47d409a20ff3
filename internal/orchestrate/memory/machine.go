package memory

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"

	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// Local reports that published ports are this machine's: what runs here listens there itself.
func (e *Engine) Local() bool { return true }

// ServerVersion is that of the engine whose rules these are.
func (e *Engine) ServerVersion(ctx context.Context) (types.Version, error) {
	version := types.Version{Version: "in this process", APIVersion: "1.41", Os: "linux", Arch: "amd64"}
	return version, e.call(ctx, "ServerVersion", "", func() error { return nil })
}

// ImagePull finds no registry.
func (e *Engine) ImagePull(ctx context.Context, ref string, _ image.PullOptions) (io.ReadCloser, error) {
	return nil, e.call(ctx, "ImagePull", ref, func() error {
		return notFound("pull access denied for %s, repository does not exist or may require 'docker login'", ref)
	})
}

// ImageBuild has no builder.
func (e *Engine) ImageBuild(ctx context.Context, _ io.Reader, _ build.ImageBuildOptions) (build.ImageBuildResponse, error) {
	return build.ImageBuildResponse{}, e.call(ctx, "ImageBuild", "", func() error { return internal("there is no builder") })
}

// DialService connects to a port of a process that runs for a project's service.
func (e *Engine) DialService(ctx context.Context, project, address string) (net.Conn, error) {
	service, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var process Process
	err = e.call(ctx, "DialService", address, func() error {
		for _, c := range e.containers {
			if c.config.Labels[label.Project] == project && c.config.Labels[label.Service] == service && c.process != nil {
				process = c.process
			}
		}
		if process == nil {
			return fmt.Errorf("connecting to %s of project %q: nothing runs there", address, project)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return process.Dial(ctx, port)
}

// Shutdown ends the processes of services, of one service after the other. It is not counted as a call, and works on a lost engine.
func (e *Engine) Shutdown(services ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, service := range services {
		for _, c := range slices.Collect(maps.Values(e.containers)) {
			if c.config.Labels[label.Service] == service && c.alive() {
				e.halt(c, 0)
			}
		}
	}
}
