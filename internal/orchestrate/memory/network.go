package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
)

// wire is a network.
type wire struct {
	id, name, driver string
	labels           map[string]string
	subnet, dynamic  netip.Prefix // dynamic is where addresses that nobody asked for come from
}

func (n *wire) setPool(subnet, ipRange string) {
	n.subnet = netip.MustParsePrefix(subnet)
	n.dynamic = n.subnet
	if ipRange != "" {
		n.dynamic = netip.MustParsePrefix(ipRange)
	}
}

// NetworkCreate makes a network with a name and a subnet that no other has.
func (e *Engine) NetworkCreate(ctx context.Context, name string, options network.CreateOptions) (network.CreateResponse, error) {
	n := &wire{name: name, driver: cmp.Or(options.Driver, "bridge"), labels: maps.Clone(options.Labels)}
	err := e.call(ctx, "NetworkCreate", name, func() error {
		if _, err := e.findNetwork(name); err == nil {
			return conflict("network with name %s already exists", name)
		}
		if options.IPAM == nil || len(options.IPAM.Config) == 0 {
			n.setPool(e.freePool(), "")
		} else {
			n.setPool(options.IPAM.Config[0].Subnet, options.IPAM.Config[0].IPRange)
		}
		for _, other := range e.networks {
			if other.subnet.Overlaps(n.subnet) {
				return forbidden("Pool overlaps with other one on this address space")
			}
		}
		n.id = e.newID()
		e.networks[n.id] = n
		return nil
	})
	return network.CreateResponse{ID: n.id}, err
}

func (e *Engine) freePool() string {
	for i := 18; ; i++ {
		pool := netip.MustParsePrefix(fmt.Sprintf("172.%d.0.0/16", i))
		taken := slices.ContainsFunc(slices.Collect(maps.Values(e.networks)), func(n *wire) bool { return n.subnet.Overlaps(pool) })
		if !taken {
			return pool.String()
		}
	}
}

func (e *Engine) findNetwork(ref string) (*wire, error) {
	if n, ok := e.networks[ref]; ok {
		return n, nil
	}
	for _, n := range e.networks {
		if n.name == ref {
			return n, nil
		}
	}
	return nil, notFound("network %s not found", ref)
}

// NetworkRemove removes a network that no running container is on.
func (e *Engine) NetworkRemove(ctx context.Context, ref string) error {
	return e.call(ctx, "NetworkRemove", ref, func() error {
		n, err := e.findNetwork(ref)
		if err != nil {
			return err
		}
		for _, c := range e.containers {
			for _, end := range c.endpoints {
				if end.networkID == n.id && end.address.IsValid() {
					return forbidden("error while removing network: network %s id %s has active endpoints", n.name, n.id)
				}
			}
		}
		delete(e.networks, n.id)
		return nil
	})
}

// NetworkConnect adds an endpoint; one of a container that does not run waits for its start.
func (e *Engine) NetworkConnect(ctx context.Context, ref, containerRef string, config *network.EndpointSettings) error {
	return e.with(ctx, "NetworkConnect", containerRef, func(c *box) error {
		n, err := e.findNetwork(ref)
		if err != nil {
			return err
		}
		if _, ok := c.endpoints[n.name]; ok && c.alive() {
			return forbidden("endpoint with name %s already exists in network %s", c.name, n.name)
		}
		end := &endpoint{}
		if config != nil {
			end.config = *config
		}
		c.endpoints[n.name] = end
		if c.alive() {
			return e.join(end, n.name)
		}
		return nil
	})
}

// NetworkDisconnect takes a container off a network, also off one that is gone if it does not run.
func (e *Engine) NetworkDisconnect(ctx context.Context, ref, containerRef string, _ bool) error {
	return e.with(ctx, "NetworkDisconnect", containerRef, func(c *box) error {
		n, err := e.findNetwork(ref)
		if err == nil {
			ref = n.name
		}
		switch {
		case c.state == container.StateDead, c.state == container.StateRemoving:
			return conflict("Container %s is marked for removal and cannot be connected or disconnected to the network", c.id)
		case err != nil && c.alive():
			return err
		case c.endpoints[ref] == nil:
			return forbidden("container %s is not connected to the network %s", c.id, ref)
		}
		delete(c.endpoints, ref)
		return nil
	})
}

// joinNetworks gives the container an address on each of its networks.
func (e *Engine) joinNetworks(c *box) error {
	for _, name := range slices.Sorted(maps.Keys(c.endpoints)) {
		if err := e.join(c.endpoints[name], name); err != nil {
			return err
		}
	}
	return nil
}

// join finds the network by the ID that the container was last started with, if it was: one of the same name that was
// made since is another one.
func (e *Engine) join(end *endpoint, name string) error {
	n, err := e.findNetwork(cmp.Or(end.networkID, name))
	if err != nil {
		return err
	}
	taken := map[netip.Addr]bool{n.subnet.Addr().Next(): true} // the gateway's
	for _, c := range e.containers {
		for _, other := range c.endpoints {
			if other.networkID == n.id && other.address.IsValid() {
				taken[other.address] = true
			}
		}
	}
	address := n.dynamic.Masked().Addr().Next()
	if fixed := end.config.IPAMConfig; fixed != nil && fixed.IPv4Address != "" {
		address = netip.MustParseAddr(fixed.IPv4Address)
		if !n.subnet.Contains(address) {
			return invalid("Invalid address %s: It does not belong to any of this network's subnets", address)
		}
		if taken[address] {
			return forbidden("Address already in use")
		}
	}
	for taken[address] {
		address = address.Next()
	}
	end.networkID, end.address = n.id, address
	return nil
}

// leaveNetworks gives the addresses back; the engine remembers the networks' IDs.
func (e *Engine) leaveNetworks(c *box) {
	for _, end := range c.endpoints {
		end.address = netip.Addr{}
	}
}

// publish refuses a port of the host that another container has.
func (e *Engine) publish(c *box) error {
	for port, bindings := range c.host.PortBindings {
		for _, binding := range bindings {
			for _, other := range e.containers {
				if other != c && other.alive() && binding.HostPort != "" && other.holds(port, binding) {
					return internal("driver failed programming external connectivity on endpoint %s (%s): Bind for %s:%s failed: port is already allocated", c.name, c.id, cmp.Or(binding.HostIP, "0.0.0.0"), binding.HostPort)
				}
			}
		}
	}
	return nil
}

// bindings are what a running container publishes, by its own ports.
func (c *box) bindings() nat.PortMap {
	if !c.alive() {
		return nil
	}
	return maps.Clone(c.host.PortBindings)
}

func (c *box) holds(port nat.Port, wanted nat.PortBinding) bool {
	for other, bindings := range c.host.PortBindings {
		for _, b := range bindings {
			if b.HostPort == wanted.HostPort && other.Proto() == port.Proto() && (anyIP(b.HostIP) || anyIP(wanted.HostIP) || b.HostIP == wanted.HostIP) {
				return true
			}
		}
	}
	return false
}

func anyIP(ip string) bool { return ip == "" || ip == "0.0.0.0" }

// ports lists what a running container publishes.
func (c *box) ports() []container.Port {
	var ports []container.Port
	if !c.alive() {
		return ports
	}
	for port, bindings := range c.host.PortBindings {
		for _, b := range bindings {
			var public uint16
			_, _ = fmt.Sscan(b.HostPort, &public)
			ports = append(ports, container.Port{IP: cmp.Or(b.HostIP, "0.0.0.0"), PrivatePort: uint16(port.Int()), PublicPort: public, Type: port.Proto()})
		}
	}
	slices.SortFunc(ports, func(a, b container.Port) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return ports
}
