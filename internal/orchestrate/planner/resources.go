package planner

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// planResources creates volumes and networks, but for those networks that are recreated: planRenewals does that.
func (p *planner) planResources() error {
	if err := p.planVolumes(); err != nil {
		return err
	}
	return p.planNetworks()
}

func (p *planner) planVolumes() error {
	for _, key := range slices.Sorted(maps.Keys(p.stack.Project.Volumes)) {
		config := p.stack.Project.Volumes[key]
		have, ok := p.observed.Volume(config.Name)
		hashed := config
		hashed.Driver = cmp.Or(hashed.Driver, "local") // as docker compose hashes it (pkg/compose/hash.go, VolumeHash)
		hash := hashOf(hashed)
		switch {
		case bool(config.External) && !ok:
			return fmt.Errorf("finding external volume %q: it does not exist; create it with `docker volume create %s`", config.Name, config.Name)
		case bool(config.External):
		case ok && have.Project != p.stack.Project.Name:
			return fmt.Errorf("creating volume %q: a volume of that name exists and belongs to %s; it was left untouched: rename it in the Compose file, or declare it `external: true`", config.Name, owner(have.Project))
		case ok && have.Hash != "" && have.Hash != hash:
			return fmt.Errorf("changing volume %q: its driver or options changed, and recreating it would lose its data; restore them, or remove it with `stackctl down -v`", config.Name)
		case !ok:
			p.resources.volumes[key] = p.plan.Add("", steps.CreateVolume{Options: volume.CreateOptions{
				Name: config.Name, Driver: config.Driver, DriverOpts: config.DriverOpts,
				Labels: p.resourceLabels(config.Labels, label.Volume, key, hash),
			}}, "it does not exist")
		}
	}
	return nil
}

func (p *planner) planNetworks() error {
	for _, key := range slices.Sorted(maps.Keys(p.stack.Project.Networks)) {
		config := p.stack.Project.Networks[key]
		have, ok := p.observed.Network(config.Name)
		hash := hashOf(config)
		switch {
		case bool(config.External) && !ok:
			return fmt.Errorf("finding external network %q: it does not exist; create it with `docker network create %s`", config.Name, config.Name)
		case bool(config.External):
			continue
		case ok && have.Project != p.stack.Project.Name:
			return fmt.Errorf("creating network %q: a network of that name exists and belongs to %s; it was left untouched: rename it in the Compose file, or declare it `external: true`", config.Name, owner(have.Project))
		case ok && have.Hash != "" && have.Hash != hash && !p.options.NoRecreate:
			p.resources.renewed[key] = "its configuration changed"
		}
		if err := p.planNetwork(key, config, have, hash, ok); err != nil {
			return err
		}
	}
	return nil
}

// planNetwork creates a network that is missing, leaves one that changed to planRenewals, and opens its address book.
func (p *planner) planNetwork(key string, config types.NetworkConfig, have observe.Network, hash string, exists bool) error {
	cause, again := p.resources.renewed[key]
	if exists && !again {
		if have.Fixed {
			p.openBook(key, have.Name, have.Subnet)
		}
		return nil
	}
	labels := p.resourceLabels(config.Labels, label.Network, key, hash)
	options := network.CreateOptions{
		Driver: config.Driver, Options: config.DriverOpts, Internal: config.Internal, Attachable: config.Attachable, Labels: labels,
	}
	if len(config.Ipam.Config) > 0 || config.Ipam.Driver != "" {
		options.IPAM = ipamOf(config.Ipam)
	} else if config.Driver == "" || config.Driver == "bridge" {
		subnet, err := chooseSubnet(config.Name, p.resources.subnets)
		if err != nil {
			return err
		}
		p.resources.subnets = append(p.resources.subnets, subnet)
		options.IPAM = &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet.String(), IPRange: dynamicRange(subnet).String(), Gateway: nth(subnet, 1).String()}}}
		labels[label.Addresses] = "fixed"
		p.openBook(key, config.Name, subnet)
	}
	if again {
		p.resources.renewals = append(p.resources.renewals, renewal{key: key, have: have, cause: cause, wanted: options})
	} else {
		p.resources.networks[key] = p.plan.Add("", steps.CreateNetwork{Name: config.Name, Options: options}, "it does not exist")
	}
	return nil
}

func (p *planner) openBook(key, name string, subnet netip.Prefix) {
	book := &addressBook{network: name, subnet: subnet, taken: map[netip.Addr]bool{}}
	for _, c := range p.observed.Containers {
		if address, ok := c.Addresses[name]; ok && p.resources.renewed[key] == "" {
			book.taken[address] = true
		}
	}
	for _, svc := range p.stack.Project.Services {
		if config := svc.Networks[key]; config != nil && config.Ipv4Address != "" {
			if address, err := netip.ParseAddr(config.Ipv4Address); err == nil {
				book.taken[address] = true
			}
		}
	}
	p.resources.books[key] = book
}

func (p *planner) resourceLabels(user types.Labels, kind, key, hash string) map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, user)
	maps.Copy(labels, map[string]string{
		label.Project: p.stack.Project.Name, kind: key, label.ConfigHash: hash, label.Version: label.ComposeVersion,
	})
	return labels
}

func ipamOf(config types.IPAMConfig) *network.IPAM {
	ipam := &network.IPAM{Driver: config.Driver}
	for _, pool := range config.Config {
		ipam.Config = append(ipam.Config, network.IPAMConfig{
			Subnet: pool.Subnet, IPRange: pool.IPRange, Gateway: pool.Gateway, AuxAddress: pool.AuxiliaryAddresses,
		})
	}
	return ipam
}

func owner(project string) string {
	if project == "" {
		return "no project"
	}
	return fmt.Sprintf("project %q", project)
}

// hashOf identifies a network's or volume's configuration.
func hashOf(config any) string {
	data, err := json.Marshal(config)
	if err != nil {
		panic(fmt.Sprintf("hashing %T: %v", config, err)) // plain data always marshals
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// changeCause puts the changed fields into words; the first few name both values.
func changeCause(changed []stack.ChangedField) string {
	const shown = 3
	var parts []string
	for _, field := range changed[:min(shown, len(changed))] {
		switch {
		case strings.HasPrefix(field.New+field.Old, "sha256:"):
			parts = append(parts, field.Path+" changed")
		case field.Old == "":
			parts = append(parts, fmt.Sprintf("%s added: %q", field.Path, field.New))
		case field.New == "":
			parts = append(parts, fmt.Sprintf("%s removed: %q", field.Path, field.Old))
		default:
			parts = append(parts, fmt.Sprintf("%s changed: %q -> %q", field.Path, field.Old, field.New))
		}
	}
	if more := len(changed) - shown; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	if len(parts) == 0 {
		return "its configuration changed"
	}
	return strings.Join(parts, "; ")
}
