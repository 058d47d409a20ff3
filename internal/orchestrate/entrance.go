package orchestrate

import (
	"net"
	"strconv"
	"strings"
)

// PublishedAt returns the host:port under which a running container of the service publishes a port.
func (o *Observed) PublishedAt(service string, port uint32) (string, bool) {
	for _, c := range o.of(service) {
		for _, p := range c.Ports {
			if uint32(p.PrivatePort) == port && p.PublicPort != 0 && p.Type == "tcp" {
				return hostPort(p.IP, strconv.Itoa(int(p.PublicPort))), true
			}
		}
	}
	return "", false
}

// Entrance returns the host:port at which the project is asked whether it works, see LabelReady.
func (o *Observed) Entrance() (string, bool) {
	for _, c := range o.Containers {
		port, _, _ := strings.Cut(c.Labels[LabelReady], "/")
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && !c.OneOff {
			return o.PublishedAt(c.Service, uint32(n))
		}
	}
	return "", false
}

// hostPort writes where a published port is reached from its own machine.
func hostPort(ip, port string) string {
	if isAny(ip) {
		ip = "127.0.0.1"
	}
	return net.JoinHostPort(ip, port)
}
