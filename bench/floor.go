package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/orchestrate"
)

const (
	floorName = "the floor"
	floorNote = "**The floor** is the Engine API called from within the benchmark, with no process started, nothing looked at, nothing decided: the same images, " +
		"settings and nginx.conf as stackctl's containers, fixed addresses on a network of its own. The network and the containers are made side by side, and " +
		"each container starts as soon as both are there. `up` ends with the first 200 from `/count`. " +
		"With nothing to do, and for `ps`, it is one list of the project's containers. `down` stops and removes all containers side by side (`-t 0`: removes them by force), then the network."
)

// floor is the least that the stack costs on this engine.
type floor struct {
	*contender
	bench     *bench
	subnet    netip.Prefix
	templates []*template
	first     time.Duration // from the start of up until the first 200
}

func (b *bench) addFloor(ctx context.Context, from *ours) error {
	c, err := b.add(floorName, projectPrefix+"floor", floorNote)
	if c == nil {
		return err
	}
	f := &floor{contender: c, bench: b}
	if err := f.chooseSubnet(ctx); err != nil {
		return err
	}
	if f.templates, err = b.templates(ctx, from, f); err != nil {
		return err
	}
	b.set(c, rowUp, timed(f.up))
	b.set(c, rowFirst, timed(func(context.Context) (time.Duration, error) { return f.first, nil }))
	b.set(c, rowNoop, timed(f.list))
	b.set(c, rowPs, timed(f.list))
	b.set(c, rowDown, timed(f.down(f.stop)))
	b.set(c, rowUpWait, b.afresh(c, timed(f.up)))
	b.set(c, rowNoopWait, timed(f.list))
	b.set(c, rowDownKill, timed(f.down(f.kill)))
	return nil
}

func (f *floor) network() string { return f.project + "_default" }

// chooseSubnet finds a /24 that no network of the engine has.
func (f *floor) chooseSubnet(ctx context.Context) error {
	networks, err := f.bench.engine.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing networks: %w", err)
	}
	var taken []netip.Prefix
	for _, n := range networks {
		for _, pool := range n.IPAM.Config {
			if subnet, err := netip.ParsePrefix(pool.Subnet); err == nil {
				taken = append(taken, subnet)
			}
		}
	}
	for i := range 256 {
		f.subnet = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 214, byte(i), 0}), 24)
		if !slices.ContainsFunc(taken, f.subnet.Overlaps) {
			return nil
		}
	}
	return errors.New("choosing the floor's subnet: none is free")
}

// address is that of the n-th container; the first of the subnet is the gateway's.
func (f *floor) address(n int) string {
	a := f.subnet.Addr().As4()
	a[3] = byte(n + 2)
	return netip.AddrFrom4(a).String()
}

// up makes and starts everything side by side, and waits for the first 200.
func (f *floor) up(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	networked := make(chan struct{})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(networked)
		_, err := f.bench.engine.NetworkCreate(ctx, f.network(), network.CreateOptions{
			Labels: map[string]string{orchestrate.LabelProject: f.project},
			IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: f.subnet.String()}}},
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
			err := awaitVisit(ctx, f.port)
			f.first = time.Since(begin)
			return err
		})
	}
	err := group.Wait()
	return time.Since(begin), err
}

func (f *floor) start(ctx context.Context, t *template, networked <-chan struct{}) error {
	endpoints := &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{f.network(): t.endpoint}}
	if _, err := f.bench.engine.ContainerCreate(ctx, t.config, t.host, endpoints, nil, t.name); err != nil {
		return err
	}
	for dir, archive := range t.files {
		if err := f.bench.engine.CopyToContainer(ctx, t.name, dir, bytes.NewReader(archive), container.CopyToContainerOptions{}); err != nil {
			return err
		}
	}
	<-networked
	return f.bench.engine.ContainerStart(ctx, t.name, container.StartOptions{})
}

func (f *floor) list(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	list, err := f.bench.engine.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", orchestrate.LabelProject+"="+f.project)),
	})
	elapsed := time.Since(begin)
	if err == nil && len(list) != len(f.templates) {
		err = fmt.Errorf("listing containers: %d found, %d are there", len(list), len(f.templates))
	}
	return elapsed, err
}

// down removes the containers side by side, as remove does it, and then the network.
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
		err := f.bench.engine.NetworkRemove(ctx, f.network())
		return time.Since(begin), err
	}
}

// stop lets the container end in its own way: its stop signal, its grace period.
func (f *floor) stop(ctx context.Context, name string) error {
	if err := f.bench.engine.ContainerStop(ctx, name, container.StopOptions{}); err != nil {
		return err
	}
	return f.bench.engine.ContainerRemove(ctx, name, container.RemoveOptions{RemoveVolumes: true})
}

func (f *floor) kill(ctx context.Context, name string) error {
	return f.bench.engine.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
}
