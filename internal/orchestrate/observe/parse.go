package observe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// Anonymous volumes that an image or a Compose file asks for may hold data, such as a database's. As with docker compose, a
// container that replaces another gets them, and they outlive a container unless volumes are to be removed with it.

// AnonymousName is what the engine calls an anonymous volume.
var AnonymousName = regexp.MustCompile("^[0-9a-f]{64}$")

func (c *Container) addVolumes(mounts []container.MountPoint) {
	var folders []string
	_ = json.Unmarshal([]byte(c.Labels[label.Folders]), &folders) // without the label it has none
	c.Data, c.Volumes = map[string]string{}, map[string]string{}
	for _, m := range mounts {
		if m.Type == mount.TypeVolume {
			c.Volumes[m.Destination] = m.Name
		}
		c.mountsFiles = c.mountsFiles || m.Destination == configs.FilesFolder
		switch {
		case m.Type != mount.TypeVolume || !AnonymousName.MatchString(m.Name):
		case m.Destination == configs.FilesFolder || slices.Contains(folders, m.Destination):
			c.Folders = append(c.Folders, m.Name)
		default:
			c.Data[m.Destination] = m.Name
		}
	}
}

func (o *Observed) addContainers(list []container.Summary) {
	for _, s := range list {
		name := ownName(s)
		if s.Labels[label.Kept] == o.Project && s.Labels[label.Project] == "" {
			o.Kept = append(o.Kept, parseContainer(name, s))
			continue
		}
		if s.Labels[label.Project] != o.Project {
			o.Others = append(o.Others, Other{Name: name, Project: s.Labels[label.Project], Running: s.State == "running", Ports: s.Ports})
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
	slices.SortFunc(o.Kept, func(a, b Container) int { return a.Revision() - b.Revision() })
}

func parseContainer(name string, s container.Summary) Container {
	number, err := strconv.Atoi(s.Labels[label.ContainerNumber])
	if err != nil {
		number = 1 // Compose's own default for containers without the label
	}
	c := Container{
		ID: s.ID, Name: name, Service: s.Labels[label.Service], Number: number,
		OneOff: strings.EqualFold(s.Labels[label.OneOff], "true"),
		State:  s.State, Status: s.Status, Health: healthOf(s.Status),
		Image: s.Image, ImageID: s.ImageID, Hash: s.Labels[label.ConfigHash],
		Created: time.Unix(s.Created, 0), Ports: s.Ports, Labels: s.Labels,
		Addresses: map[string]netip.Addr{}, Networks: map[string]string{}, Files: map[string]configs.Stamp{},
	}
	// Without the label, or with one that is not ours, there is just no field to name.
	_ = json.Unmarshal([]byte(s.Labels[label.Fields]), &c.Fields)
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
			ID: n.ID, Name: n.Name, Project: n.Labels[label.Project],
			Key: n.Labels[label.Network], Hash: n.Labels[label.ConfigHash],
			Fixed: n.Labels[label.Addresses] == "fixed",
			Options: network.CreateOptions{
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

// Revision is the number of a kept container's revision; 0 for the history.
func (c Container) Revision() int {
	n, _ := strconv.Atoi(c.Labels[label.Revision]) // the history has none
	return n
}

// Done reports whether a stopped container has done its work: it ended with 0 and nothing is to restart it.
func Done(svc types.ServiceConfig, c Container) bool {
	return c.State == "exited" && exitCode(c.Status) == 0 && (svc.Restart == "" || svc.Restart == "no" || svc.Restart == "on-failure")
}

// exitCode finds the code in a status such as "Exited (137) 3 seconds ago"; -1 when there is none.
func exitCode(status string) int {
	code := -1
	if _, err := fmt.Sscanf(status, "Exited (%d)", &code); err != nil {
		return -1
	}
	return code
}

// Dependency is how a container's service depends on another one.
type Dependency struct {
	Condition string // Compose's word, such as service_healthy
	Restart   bool   // with that one
}

// DependsOn are the services that the container's service depends on, from its label.
func (c Container) DependsOn() map[string]Dependency {
	found := map[string]Dependency{}
	for part := range strings.SplitSeq(c.Labels[label.DependsOn], ",") {
		service, rest, _ := strings.Cut(part, ":")
		condition, restart, _ := strings.Cut(rest, ":")
		if service != "" {
			found[service] = Dependency{Condition: cmp.Or(condition, types.ServiceConditionStarted), Restart: restart == "true"}
		}
	}
	return found
}

// ownName tells a container's name from the names that others linked to it have for it, such as /web/redis.
func ownName(s container.Summary) string {
	for _, n := range s.Names {
		if name := strings.TrimPrefix(n, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return s.ID[:min(len(s.ID), 12)]
}
