package orchestrate

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
)

func (o *Observed) addContainers(list []container.Summary) {
	for _, s := range list {
		name := ""
		if len(s.Names) > 0 {
			name = strings.TrimPrefix(s.Names[0], "/")
		}
		if s.Labels[LabelKept] == o.Project && s.Labels[LabelProject] == "" {
			o.Kept = append(o.Kept, parseContainer(name, s))
			continue
		}
		if s.Labels[LabelProject] != o.Project {
			o.Others = append(o.Others, Other{Name: name, Project: s.Labels[LabelProject], Running: s.State == "running", Ports: s.Ports})
			continue
		}
		o.Containers = append(o.Containers, parseContainer(name, s))
	}
	slices.SortFunc(o.Containers, func(a, b Container) int {
		if a.Service != b.Service {
			return strings.Compare(a.Service, b.Service)
		}
		return a.Number - b.Number
	})
	slices.SortFunc(o.Kept, func(a, b Container) int { return a.revision() - b.revision() })
}

func parseContainer(name string, s container.Summary) Container {
	number, err := strconv.Atoi(s.Labels[LabelContainerNumber])
	if err != nil {
		number = 1 // Compose's own default for containers without the label
	}
	c := Container{
		ID: s.ID, Name: name, Service: s.Labels[LabelService], Number: number,
		OneOff: strings.EqualFold(s.Labels[LabelOneOff], "true"),
		State:  s.State, Status: s.Status, Health: healthOf(s.Status),
		Image: s.Image, ImageID: s.ImageID, Hash: s.Labels[LabelConfigHash],
		Created: time.Unix(s.Created, 0), Ports: s.Ports, Labels: s.Labels,
		Addresses: map[string]netip.Addr{}, Networks: map[string]string{}, Files: map[string]stamp{},
	}
	// Without the label, or with one that is not ours, there is just no field to name.
	_ = json.Unmarshal([]byte(s.Labels[LabelFields]), &c.Fields)
	c.addVolumes(s.Mounts)
	if s.NetworkSettings == nil {
		return c
	}
	for network, endpoint := range s.NetworkSettings.Networks {
		if endpoint == nil {
			continue
		}
		text := endpoint.IPAddress
		if endpoint.IPAMConfig != nil && endpoint.IPAMConfig.IPv4Address != "" {
			text = endpoint.IPAMConfig.IPv4Address
		}
		address, _ := netip.ParseAddr(text) // the zero Addr stands for "attached, no address yet"
		c.Addresses[network], c.Networks[network] = address, endpoint.NetworkID
	}
	return c
}

// healthOf finds the health in a status such as "Up 3 seconds (health: starting)". The list has it nowhere else.
func healthOf(status string) string {
	switch {
	case strings.Contains(status, "(health: starting)"):
		return "starting"
	case strings.Contains(status, "(healthy)"):
		return "healthy"
	case strings.Contains(status, "(unhealthy)"):
		return "unhealthy"
	}
	return ""
}

func (o *Observed) addNetworks(list []network.Summary) {
	for _, n := range list {
		parsed := Network{
			ID: n.ID, Name: n.Name, Project: n.Labels[LabelProject],
			Key: n.Labels[LabelNetwork], Hash: n.Labels[LabelConfigHash],
			Fixed: n.Labels[LabelAddresses] == "fixed",
			options: network.CreateOptions{
				Driver: n.Driver, Options: n.Options, Internal: n.Internal, Attachable: n.Attachable, EnableIPv6: &n.EnableIPv6, IPAM: &n.IPAM, Labels: n.Labels,
			},
		}
		for _, pool := range n.IPAM.Config {
			subnet, err := netip.ParsePrefix(pool.Subnet)
			if err != nil || !subnet.Addr().Is4() {
				continue
			}
			o.Subnets = append(o.Subnets, subnet.Masked())
			if !parsed.Subnet.IsValid() {
				parsed.Subnet = subnet.Masked()
			}
		}
		o.Networks = append(o.Networks, parsed)
	}
}
