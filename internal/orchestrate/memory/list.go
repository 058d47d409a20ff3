package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// ContainerList honours the filter `label` and All; the newest container comes first.
func (e *Engine) ContainerList(ctx context.Context, options container.ListOptions) ([]container.Summary, error) {
	var list []container.Summary
	err := e.call(ctx, "ContainerList", "", func() error {
		newest := func(a, b *box) int { return b.serial - a.serial }
		for _, c := range slices.SortedFunc(maps.Values(e.containers), newest) {
			if (options.All || c.alive()) && options.Filters.MatchKVList("label", c.config.Labels) {
				list = append(list, c.summary())
			}
		}
		return nil
	})
	return list, err
}

func (c *box) summary() container.Summary {
	return container.Summary{
		ID: c.id, Names: []string{"/" + c.name}, Image: c.config.Image, ImageID: c.image, Command: strings.Join(slices.Concat(c.config.Entrypoint, c.config.Cmd), " "),
		Created: c.created.Unix(), Ports: c.ports(), Labels: maps.Clone(c.config.Labels), State: c.state, Status: c.statusText(),
		NetworkSettings: &container.NetworkSettingsSummary{Networks: c.networks()}, Mounts: c.mountPoints(),
	}
}

func (c *box) mountPoints() (points []container.MountPoint) {
	for target, name := range c.mounts {
		points = append(points, container.MountPoint{Type: mount.TypeVolume, Name: name, Source: mountpoint(name), Destination: target})
	}
	return points
}

func (c *box) networks() map[string]*network.EndpointSettings {
	networks := map[string]*network.EndpointSettings{}
	for name, end := range c.endpoints {
		settings := &network.EndpointSettings{NetworkID: end.networkID, IPAMConfig: end.config.IPAMConfig, Aliases: end.config.Aliases}
		if end.address.IsValid() {
			settings.IPAddress = end.address.String()
		}
		networks[name] = settings
	}
	return networks
}

// statusText is the state in the engine's words.
func (c *box) statusText() string {
	switch {
	case c.status != "":
		return c.status
	case c.state == container.StateExited:
		return fmt.Sprintf("Exited (%d) 3 seconds ago", c.exit)
	case c.state == container.StateRestarting:
		return fmt.Sprintf("Restarting (%d) 3 seconds ago", c.exit)
	case !c.alive():
		return strings.ToUpper(c.state[:1]) + c.state[1:]
	}
	text := "Up 3 seconds"
	switch c.health {
	case "":
	case container.Starting:
		text += " (health: starting)"
	default:
		text += " (" + c.health + ")"
	}
	if c.state == container.StatePaused {
		text += " (Paused)"
	}
	return text
}

// ContainerInspect describes one container.
func (e *Engine) ContainerInspect(ctx context.Context, ref string) (container.InspectResponse, error) {
	var info container.InspectResponse
	err := e.with(ctx, "ContainerInspect", ref, func(c *box) error {
		config, host := c.config, c.host
		state := &container.State{
			Status: c.state, Running: c.alive() || c.state == container.StateRestarting, Paused: c.state == container.StatePaused,
			Restarting: c.state == container.StateRestarting, Dead: c.state == container.StateDead, ExitCode: c.exit, Error: c.failure,
		}
		state.StartedAt, state.FinishedAt = c.started.Format(time.RFC3339Nano), c.finished.Format(time.RFC3339Nano)
		if c.alive() {
			state.Pid = c.serial * 1000
		}
		if c.health != "" {
			state.Health = &container.Health{Status: c.health}
		}
		command := slices.Concat(config.Entrypoint, config.Cmd)
		info = container.InspectResponse{
			ContainerJSONBase: &container.ContainerJSONBase{
				ID: c.id, Name: "/" + c.name, Created: c.created.Format(time.RFC3339Nano), Image: c.image, State: state, HostConfig: &host, RestartCount: c.restarts,
			},
			Config:          &config,
			NetworkSettings: &container.NetworkSettings{Networks: c.networks()},
			Mounts:          c.mountPoints(),
		}
		info.NetworkSettings.Ports = c.bindings()
		if len(command) > 0 {
			info.Path, info.Args = command[0], command[1:]
		}
		return nil
	})
	return info, err
}

// NetworkList lists all networks.
func (e *Engine) NetworkList(ctx context.Context, _ network.ListOptions) ([]network.Summary, error) {
	var list []network.Summary
	err := e.call(ctx, "NetworkList", "", func() error {
		for _, id := range slices.Sorted(maps.Keys(e.networks)) {
			n := e.networks[id]
			pool := network.IPAMConfig{Subnet: n.subnet.String()}
			if n.dynamic != n.subnet {
				pool.IPRange = n.dynamic.String()
			}
			list = append(list, network.Summary{
				ID: n.id, Name: n.name, Driver: n.driver, Labels: maps.Clone(n.labels),
				IPAM: network.IPAM{Config: []network.IPAMConfig{pool}},
			})
		}
		return nil
	})
	return list, err
}

// VolumeList lists all volumes.
func (e *Engine) VolumeList(ctx context.Context, _ volume.ListOptions) (volume.ListResponse, error) {
	var list volume.ListResponse
	err := e.call(ctx, "VolumeList", "", func() error {
		for _, name := range e.volumeNames() {
			list.Volumes = append(list.Volumes, &volume.Volume{Name: name, Driver: "local", Labels: maps.Clone(e.volumes[name].labels)})
		}
		return nil
	})
	return list, err
}
