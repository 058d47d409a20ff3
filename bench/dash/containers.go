package dash

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// logSize is more than a minute of the flood writes: an engine that rotates a log under a reader may send lines twice.
const logSize = "1g"

// buildFlood compiles the flood, and finds an image to run it in: it is static, and so any will do.
func (d *dashboard) buildFlood(ctx context.Context) error {
	d.flood = filepath.Join(d.Dir, "flood")
	build := d.Program("go", "build", "-trimpath", "-o", d.flood, "stackctl.dev/stackctl/bench/dash/testdata/flood")
	build.Dir, build.Env = "", append(build.Env, "CGO_ENABLED=0")
	if _, err := build.Output(ctx); err != nil {
		return err
	}
	web, err := d.Engine.ContainerInspect(ctx, d.project+"-web-1")
	if err != nil {
		return fmt.Errorf("inspecting the web tier: %w", err)
	}
	d.image = web.Image
	return nil
}

// create creates the n-th container of a service in a project. It runs the flood: old lines, then more at a rate.
func (d *dashboard) create(ctx context.Context, project, service string, n, old, rate int, period time.Duration) (string, error) {
	name := fmt.Sprintf("%s-%s-%d", project, service, n)
	_, err := d.Engine.ContainerCreate(ctx, &container.Config{
		Image: d.image, Entrypoint: []string{"/flood"}, Cmd: []string{fmt.Sprintf("-old=%d", old), fmt.Sprintf("-rate=%d", rate), fmt.Sprintf("-for=%s", period)},
		Labels: map[string]string{
			label.Project: project, label.Service: service,
			label.ContainerNumber: strconv.Itoa(n), label.OneOff: "False",
		},
	}, &container.HostConfig{
		NetworkMode: "none", Binds: []string{d.flood + ":/flood:ro"},
		LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": logSize, "max-file": "1"}},
	}, nil, nil, name)
	if err != nil {
		return "", fmt.Errorf("creating container %q: %w", name, err)
	}
	return name, nil
}

// remove removes a container, also after Ctrl-C. What fails is tried again when the project is removed.
func (d *dashboard) remove(ctx context.Context, name string) {
	_ = d.Engine.ContainerRemove(context.WithoutCancel(ctx), name, container.RemoveOptions{Force: true, RemoveVolumes: true})
}

// startMany creates and starts n containers that do nothing, some side by side.
func (d *dashboard) startMany(ctx context.Context, project, service string, n int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range n {
		group.Go(func() error {
			name, err := d.create(ctx, project, service, i+1, 1, 0, 0)
			if err != nil {
				return err
			}
			return d.startContainer(ctx, name)
		})
	}
	return group.Wait()
}

func (d *dashboard) startContainer(ctx context.Context, name string) error {
	if err := d.Engine.ContainerStart(ctx, name, container.StartOptions{}); err != nil {
		return fmt.Errorf("starting container %q: %w", name, err)
	}
	return nil
}
