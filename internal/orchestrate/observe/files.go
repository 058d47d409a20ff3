package observe

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/stack"
)

// StatFiles looks at the configs in the project's running containers, so that a plan can tell whether they are what they
// should be.
func (o *Observed) StatFiles(ctx context.Context, r Reader, s *stack.Stack) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxLooks)
	for i := range o.Containers {
		c := &o.Containers[i]
		svc, ok := s.Project.Services[c.Service]
		standing := s.Project.DisabledServices[c.Service]
		_, isFront := s.Upstreams(standing)
		if isFront = isFront && !ok; isFront {
			svc = standing
		}
		// Those of one that does not run are written before its start, except where they are mounted.
		if !ok && !isFront || c.OneOff || !c.Alive() && !c.mountsFiles {
			continue
		}
		group.Go(func() error {
			if isFront { // it keeps the config that it has, whatever the Compose file says by now
				var err error
				if c.Upstreams, err = configs.ReadFile(ctx, r, c.ID, configs.UpstreamsPath(s, svc)); err != nil && !errdefs.IsNotFound(err) {
					return fmt.Errorf("reading %q in container %q: %w", configs.UpstreamsPath(s, svc), c.Name, err)
				}
			}
			for _, name := range configs.LookedAt(svc) {
				info, err := r.ContainerStatPath(ctx, c.ID, name)
				if err != nil && !errdefs.IsNotFound(err) {
					return fmt.Errorf("looking at %q in container %q: %w", name, c.Name, err)
				}
				c.Files[name] = configs.Stamp{Size: info.Size, Time: info.Mtime.Unix()} // one that is not there differs from any
			}
			return nil
		})
	}
	return group.Wait()
}
