package observe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"
)

// Status is one row of `ps`.
type Status struct {
	Container
	Restarts  int
	ExitCode  int
	StartedAt time.Time
	Command   string
}

// maxLooks bounds the containers that are looked at side by side: more only queue up in the engine.
const maxLooks = 16

// Statuses describes the project's containers, from labels alone.
func Statuses(ctx context.Context, r Reader, project string) ([]Status, error) {
	containers, err := Containers(ctx, r, project)
	if err != nil {
		return nil, err
	}
	statuses := make([]Status, len(containers))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxLooks)
	for i, c := range containers {
		group.Go(func() error {
			info, err := r.ContainerInspect(ctx, c.ID)
			if errdefs.IsNotFound(err) {
				return nil // it ended meanwhile: a helper, or one of `run --rm`
			}
			if err != nil {
				return fmt.Errorf("inspecting container %q: %w", c.Name, err)
			}
			started, _ := time.Parse(time.RFC3339Nano, info.State.StartedAt) // zero when it never started
			statuses[i] = Status{Container: c, Restarts: info.RestartCount, ExitCode: info.State.ExitCode, StartedAt: started, Command: info.Path}
			return nil
		})
	}
	err = group.Wait()
	return slices.DeleteFunc(statuses, func(s Status) bool { return s.ID == "" }), err
}

// PortText lists ports as docker does: 127.0.0.1:5002->5002/tcp.
func (s Status) PortText() []string {
	var texts []string
	for _, p := range s.Ports {
		text := fmt.Sprintf("%d/%s", p.PrivatePort, p.Type)
		if p.PublicPort != 0 {
			text = fmt.Sprintf("%s:%d->%s", cmp.Or(p.IP, "0.0.0.0"), p.PublicPort, text)
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	slices.Sort(texts)
	return texts
}
