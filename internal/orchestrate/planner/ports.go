package planner

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// PortError says that a port which is to be published is taken, and by whom where that is known.
type PortError struct {
	Address string // host:port
	Owner   string // such as `container "other-web-1"`; "" when unknown
}

func (e *PortError) Error() string {
	owner := e.Owner
	if owner == "" {
		owner = "another program"
	}
	return fmt.Sprintf("publishing %s: the port is in use by %s; stop that, or choose another port with --port", e.Address, owner)
}

// CheckPorts finds, before anything is changed, ports of the plan that containers of others hold.
func CheckPorts(plan *steps.Plan, observed *observe.Observed) error {
	for _, op := range plan.Ops {
		create, ok := op.Action.(steps.CreateContainer)
		if !ok {
			continue
		}
		for port, bindings := range create.Host.PortBindings {
			for _, binding := range bindings {
				if err := checkPort(port, binding, observed); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// CheckPort is a PortError where a container of others holds a port that is to be published.
func CheckPort(o *observe.Observed, p types.ServicePortConfig) error {
	return checkPort(nat.Port(fmt.Sprintf("%d/%s", p.Target, p.Protocol)), nat.PortBinding{HostIP: p.HostIP, HostPort: p.Published}, o)
}

func checkPort(port nat.Port, binding nat.PortBinding, observed *observe.Observed) error {
	for _, other := range observed.Others {
		if other.Running && slices.ContainsFunc(other.Ports, func(p container.Port) bool { return collides(p, port, binding) }) {
			return &PortError{Address: joinHostPort(binding), Owner: fmt.Sprintf("container %q of %s", other.Name, owner(other.Project))}
		}
	}
	return nil
}

func collides(taken container.Port, port nat.Port, binding nat.PortBinding) bool {
	if taken.PublicPort == 0 || strconv.Itoa(int(taken.PublicPort)) != binding.HostPort || taken.Type != port.Proto() {
		return false
	}
	return observe.IsAny(taken.IP) || observe.IsAny(binding.HostIP) || taken.IP == binding.HostIP
}

// needsPlaceOf reports whether the replica cannot start while another container runs: that has one of its published ports
// or of its fixed addresses.
func (d decision) needsPlaceOf(c observe.Container) bool {
	for key, address := range d.addresses {
		if c.Alive() && c.Addresses[d.networkName(key)] == address {
			return true
		}
	}
	_, bindings, err := portsOf(d.service)
	if err != nil {
		return false // said when the container is to be created
	}
	for port, wanted := range bindings {
		for _, binding := range wanted {
			if slices.ContainsFunc(c.Ports, func(taken container.Port) bool { return collides(taken, port, binding) }) {
				return true
			}
		}
	}
	return false
}

func joinHostPort(binding nat.PortBinding) string {
	ip := binding.HostIP
	if ip == "" {
		ip = "0.0.0.0"
	}
	return ip + ":" + binding.HostPort
}
