package up

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/bench/report"
	"stackctl.dev/stackctl/bench/rig"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

const floorNote = "**The floor** is the Engine API called from within the benchmark, with no process started, nothing looked at, nothing decided: the same images, " +
	"settings, configuration and password as stackctl's containers, fixed addresses on a network of its own. The network and the containers are made side by side, and " +
	"each container starts as soon as both are there. `up` ends with the first 200 from `/count`. " +
	"With nothing to do, and for `ps`, it is one list of the project's containers. `down` stops and removes all containers side by side (`-t 0`: removes them by force), then the network."

// floor measures the lowest possible cost of the stack on this engine.
type floor struct {
	*rig.Contender
	engine    *engine.Engine
	templates []*template
	first     time.Duration // from the start of up until the first 200
}

// addFloor adds the Engine API itself as a contender. It creates what stackctl has created in a project.
func addFloor(ctx context.Context, c *rig.Contest, from string) error {
	contender, err := c.Add(report.Column{Name: report.Floor, Note: floorNote}, "up-floor")
	if err != nil {
		return err
	}
	f := &floor{Contender: contender, engine: c.Engine}
	if err := f.take(ctx, from); err != nil {
		return err
	}
	f.Time(rowUp, f.up)
	f.Time(rowFirst, func(context.Context) (time.Duration, error) { return f.first, nil })
	f.Time(rowNoop, f.list)
	f.Time(rowPs, f.list)
	f.Time(rowDown, f.down(f.stop))
	f.Time(rowUpWait, c.Afresh(contender, f.up))
	f.Time(rowNoopWait, f.list)
	f.Time(rowDownKill, f.down(f.kill))
	return nil
}

func (f *floor) network() string { return f.Project + "_default" }

// subnet returns an uncommon subnet, a different one for each run.
func subnet() string { return fmt.Sprintf("10.214.%d.0/24", os.Getpid()%256) }

// address is that of the n-th container; the first of the subnet is the gateway's.
func address(n int) string { return fmt.Sprintf("10.214.%d.%d", os.Getpid()%256, n+2) }

// up creates and starts everything in parallel, and waits for the first 200.
func (f *floor) up(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	networked := make(chan struct{})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(networked)
		_, err := f.engine.NetworkCreate(ctx, f.network(), network.CreateOptions{
			Labels: map[string]string{label.Project: f.Project},
			IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet()}}},
		})
		return err
	})
	for _, t := range f.templates {
		group.Go(func() error {
			if err := f.start(ctx, t, networked); err != nil {
				return fmt.Errorf("starting %q: %w", t.name, err)
			}
			if !t.published {
				return nil
			}
			err := awaitVisit(ctx, f.Port)
			f.first = time.Since(begin)
			return err
		})
	}
	err := group.Wait()
	return time.Since(begin), err
}

func (f *floor) start(ctx context.Context, t *template, networked <-chan struct{}) error {
	endpoints := &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{f.network(): t.endpoint}}
	if _, err := f.engine.ContainerCreate(ctx, t.config, t.host, endpoints, nil, t.name); err != nil {
		return err
	}
	if t.file != "" {
		if err := f.engine.CopyToContainer(ctx, t.name, path.Dir(t.file), bytes.NewReader(t.content), container.CopyToContainerOptions{}); err != nil {
			return err
		}
	}
	<-networked
	return f.engine.ContainerStart(ctx, t.name, container.StartOptions{})
}

func (f *floor) list(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	list, err := f.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: rig.Mine(f.Project)})
	elapsed := time.Since(begin)
	if err == nil && len(list) != len(f.templates) {
		err = fmt.Errorf("listing containers: %d found, %d are there", len(list), len(f.templates))
	}
	return elapsed, err
}

// down removes the containers in parallel, with remove, and then the network.
func (f *floor) down(remove func(ctx context.Context, name string) error) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		begin := time.Now()
		group, grouped := errgroup.WithContext(ctx)
		for _, t := range f.templates {
			group.Go(func() error { return remove(grouped, t.name) })
		}
		if err := group.Wait(); err != nil {
			return 0, err
		}
		err := f.engine.NetworkRemove(ctx, f.network())
		return time.Since(begin), err
	}
}

// stop stops the container with its own stop signal and grace period.
func (f *floor) stop(ctx context.Context, name string) error {
	if err := f.engine.ContainerStop(ctx, name, container.StopOptions{}); err != nil {
		return err
	}
	return f.engine.ContainerRemove(ctx, name, container.RemoveOptions{RemoveVolumes: true})
}

func (f *floor) kill(ctx context.Context, name string) error {
	return f.engine.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
}
