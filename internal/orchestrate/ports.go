package orchestrate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
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

// checkPorts finds, before anything is changed, ports of the plan that containers of others hold.
func checkPorts(plan *Plan, observed *Observed) error {
	for _, op := range plan.Ops {
		create, ok := op.Action.(createContainer)
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

func checkPort(port nat.Port, binding nat.PortBinding, observed *Observed) error {
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
	return isAny(taken.IP) || isAny(binding.HostIP) || taken.IP == binding.HostIP
}

// needsPlaceOf reports whether the replica cannot start while another container runs: that has one of its published ports
// or of its fixed addresses.
func (d decision) needsPlaceOf(c Container) bool {
	for key, address := range d.addresses {
		if c.alive() && c.Addresses[d.networkName(key)] == address {
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

func isAny(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }

func joinHostPort(binding nat.PortBinding) string {
	ip := binding.HostIP
	if ip == "" {
		ip = "0.0.0.0"
	}
	return ip + ":" + binding.HostPort
}

// explainStart turns the engine's words for a taken port into a PortError. Only a program outside of containers is left
// to own it: checkPorts has looked at those.
func explainStart(err error, observed *Observed) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if !strings.Contains(text, "address already in use") && !strings.Contains(text, "port is already allocated") {
		return err
	}
	address := between(text, "tcp4 ", ":", ": bind")
	if address == "" {
		address = between(text, "Bind for ", "", " failed")
	}
	if address == "" {
		return err
	}
	portErr := &PortError{Address: address}
	if _, port, ok := strings.Cut(address, ":"); ok {
		portErr.Owner = PortOwner(port)
	}
	return errors.Join(portErr, err)
}

// between returns what stands after `start` and before `end`, and has `inside` in it.
func between(text, start, inside, end string) string {
	_, rest, ok := strings.Cut(text, start)
	if !ok {
		return ""
	}
	found, _, ok := strings.Cut(rest, end)
	if !ok || !strings.Contains(found, inside) {
		return ""
	}
	return found
}
