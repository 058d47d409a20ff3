package observe

import (
	"context"
	"fmt"
	"iter"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-connections/nat"

	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// PublishedAt returns the host:port under which a running container of the service publishes a port.
func (o *Observed) PublishedAt(service string, port uint32) (string, bool) {
	for _, c := range o.Of(service) {
		if address, ok := c.PublishedAt(port); ok {
			return address, true
		}
	}
	return "", false
}

// PublishedAt returns the host:port under which the running container publishes a port.
func (c Container) PublishedAt(port uint32) (string, bool) {
	for _, p := range c.Ports {
		if uint32(p.PrivatePort) == port && p.PublicPort != 0 && p.Type == "tcp" {
			return HostPort(p.IP, strconv.Itoa(int(p.PublicPort))), true
		}
	}
	return "", false
}

// ReadyPort is the port at which the container is asked whether the project works, see label.Ready.
func (c Container) ReadyPort() (port uint32, ok bool) {
	text, _, _ := strings.Cut(c.Labels[label.Ready], "/")
	n, err := strconv.ParseUint(text, 10, 16)
	return uint32(n), err == nil
}

// Entrance returns the host:port at which the project is asked whether it works, see label.Ready.
func (o *Observed) Entrance() (string, bool) {
	c, port, ok := o.entrance()
	if !ok {
		return "", false
	}
	return o.PublishedAt(c.Service, port)
}

// URL returns the URL through which the running container is used, see label.URL and label.Ready.
func (c Container) URL() (string, bool) {
	scheme, text, found := strings.Cut(c.Labels[label.URL], "/")
	port, err := strconv.ParseUint(text, 10, 16)
	if found && err == nil && (scheme == "http" || scheme == "https") {
		address, ok := c.PublishedAt(uint32(port))
		return scheme + "://" + address, ok
	}
	if port, ok := c.ReadyPort(); ok {
		address, ok := c.PublishedAt(port)
		return "http://" + address, ok
	}
	return "", false
}

// URLOf returns the URL of a project with these containers, without a path: that of label.URL, else that of label.Ready.
func URLOf(containers iter.Seq[Container]) (url string, ok bool) {
	for c := range containers {
		if found, is := c.URL(); is && !c.OneOff && (!ok || c.Labels[label.URL] != "") {
			url, ok = found, true
		}
	}
	return url, ok
}

// URL is URLOf its containers.
func (o *Observed) URL() (string, bool) { return URLOf(slices.Values(o.Containers)) }

// entrance finds a container that answers for the whole project, and the port of it.
func (o *Observed) entrance() (c Container, port uint32, ok bool) {
	for _, c := range o.Containers {
		if port, ok := c.ReadyPort(); ok && !c.OneOff {
			return c, port, true
		}
	}
	return Container{}, 0, false
}

// EntrancePort is the host's port of Entrance, which need not run; "" where none was named.
func EntrancePort(ctx context.Context, r Reader, o *Observed) (string, error) {
	c, port, ok := o.entrance()
	if !ok {
		return "", nil
	}
	if address, ok := o.PublishedAt(c.Service, port); ok {
		_, published, err := net.SplitHostPort(address)
		return published, err
	}
	info, err := r.ContainerInspect(ctx, c.ID)
	if err != nil {
		return "", fmt.Errorf("inspecting container %q: %w", c.Name, err)
	}
	for _, binding := range info.HostConfig.PortBindings[nat.Port(strconv.Itoa(int(port))+"/tcp")] {
		if binding.HostPort != "" {
			return binding.HostPort, nil
		}
	}
	return "", nil
}

// HostPort writes where a published port is reached from its own machine.
func HostPort(ip, port string) string {
	if IsAny(ip) {
		ip = "127.0.0.1"
	}
	return net.JoinHostPort(ip, port)
}

// Number is the highest number of a service's replicas: as many as there were before one was taken away; 0 where there is none.
func (o *Observed) Number(service string) (highest int) {
	for _, c := range o.Of(service) {
		highest = max(highest, c.Number)
	}
	return highest
}

// IsAny reports whether an address stands for all of the machine.
func IsAny(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }
