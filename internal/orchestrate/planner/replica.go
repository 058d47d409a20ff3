package planner

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/strslice"
	"github.com/docker/go-connections/nat"

	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// replica is one container that a service should have.
type replica struct {
	stack     *stack.Stack
	service   types.ServiceConfig
	number    int
	image     Image
	addresses map[string]netip.Addr // by network key; absent where the engine chooses
	revision  *kept.Revision        // the configuration to go back to; nil for the service's own
}

// Image is the image that a service's containers are made of.
type Image struct {
	Ref string // as given to the engine
	ID  string // config ID; "" while it is still to be pulled or built
	// Volumes are where it declares volumes, as far as that is known.
	Volumes []string
	// Variables are those that it sets, KEY=value, as far as that is known.
	Variables []string
}

// name is the container's name: Compose's own, so that its tools find it.
func (r replica) name() string {
	if r.service.ContainerName != "" {
		return r.service.ContainerName
	}
	return fmt.Sprintf("%s-%s-%d", r.stack.Project.Name, r.service.Name, r.number)
}

// create turns the service into the engine's terms.
func (r replica) create() (steps.CreateContainer, error) {
	if r.revision != nil {
		return r.createAsKept(), nil
	}
	labels, err := r.labels()
	if err != nil {
		return steps.CreateContainer{}, err
	}
	ports, bindings, err := portsOf(r.service)
	if err != nil {
		return steps.CreateContainer{}, err
	}
	config := &container.Config{
		Hostname: r.service.Hostname, Domainname: r.service.DomainName, User: r.service.User,
		ExposedPorts: ports, Tty: r.service.Tty, OpenStdin: r.service.StdinOpen,
		Env: environmentOf(r.service), Cmd: strslice.StrSlice(r.service.Command), Entrypoint: strslice.StrSlice(r.service.Entrypoint),
		Healthcheck: healthcheckOf(r.service.HealthCheck), Image: r.image.Ref, WorkingDir: r.service.WorkingDir,
		Labels: labels, StopSignal: r.service.StopSignal, StopTimeout: stopTimeout(r.service),
	}
	host, err := r.hostConfig(bindings)
	if err != nil {
		return steps.CreateContainer{}, err
	}
	platform, err := platformOf(r.service.Platform)
	if err != nil {
		return steps.CreateContainer{}, err
	}
	return steps.CreateContainer{Name: r.name(), Config: config, Host: host, Networking: r.networking(), Platform: platform}, nil
}

// hash identifies the configuration that the container is to have.
func (r replica) hash() (string, error) {
	if r.revision != nil {
		return r.revision.Hash, nil
	}
	return stack.Hash(r.service)
}

func (r replica) labels() (map[string]string, error) {
	hash, err := r.hash()
	if err != nil {
		return nil, err
	}
	fields, err := stack.Fields(r.service)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{}
	maps.Copy(labels, r.service.Labels)
	maps.Copy(labels, map[string]string{
		label.Project: r.stack.Project.Name, label.Service: r.service.Name, label.ContainerNumber: strconv.Itoa(r.number),
		label.OneOff: "False", label.ConfigHash: hash, label.Image: r.image.ID,
		label.WorkingDir: r.stack.Project.WorkingDir, label.ConfigFiles: strings.Join(r.stack.Project.ComposeFiles, ","),
		label.Version: label.ComposeVersion, label.Fields: string(encoded),
	})
	maps.Copy(labels, r.derivedLabels())
	return labels, nil
}

func (r replica) hostConfig(bindings nat.PortMap) (*container.HostConfig, error) {
	svc := r.service
	restart, err := restartPolicyOf(restartOf(svc))
	if err != nil {
		return nil, fmt.Errorf("reading restart of service %q: %w", svc.Name, err)
	}
	mounts, binds, err := r.mounts()
	if err != nil {
		return nil, err
	}
	host := &container.HostConfig{
		Binds: binds, Mounts: mounts, PortBindings: bindings, RestartPolicy: restart, NetworkMode: r.networkMode(),
		CapAdd: svc.CapAdd, CapDrop: svc.CapDrop, DNS: svc.DNS, DNSOptions: svc.DNSOpts, DNSSearch: svc.DNSSearch,
		ExtraHosts: svc.ExtraHosts.AsList(":"), GroupAdd: svc.GroupAdd, ReadonlyRootfs: svc.ReadOnly,
		SecurityOpt: svc.SecurityOpt, ShmSize: int64(svc.ShmSize), Sysctls: svc.Sysctls, Tmpfs: tmpfsOf(svc),
		Init: svc.Init, Resources: resourcesOf(svc),
	}
	if svc.Logging != nil {
		host.LogConfig = container.LogConfig{Type: svc.Logging.Driver, Config: svc.Logging.Options}
	}
	return host, nil
}

// networkKeys lists the service's networks as the Compose file calls them.
func (r replica) networkKeys() []string { return slices.Sorted(maps.Keys(r.service.Networks)) }

func (r replica) networkName(key string) string { return r.stack.Project.Networks[key].Name }

func (r replica) networkMode() container.NetworkMode {
	keys := r.networkKeys()
	if len(keys) == 0 {
		return "none"
	}
	return container.NetworkMode(r.networkName(keys[0]))
}

// networking joins the container to its first network: the create call of an engine before API 1.44 takes one.
func (r replica) networking() *network.NetworkingConfig {
	networking := &network.NetworkingConfig{}
	if first := r.networkKeys(); len(first) > 0 {
		networking.EndpointsConfig = map[string]*network.EndpointSettings{r.networkName(first[0]): r.endpoint(first[0])}
	}
	return networking
}

// endpoint is how the container is attached to one network: by its service's name, aliases and, where planned, address.
func (r replica) endpoint(key string) *network.EndpointSettings {
	settings := &network.EndpointSettings{Aliases: []string{r.name(), r.service.Name}}
	if config := r.service.Networks[key]; config != nil {
		settings.Aliases = append(settings.Aliases, config.Aliases...)
	}
	if address, ok := r.addresses[key]; ok {
		settings.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: address.String()}
	}
	return settings
}

// createAsKept is its revision's configuration, as it was.
func (r replica) createAsKept() steps.CreateContainer {
	config, host := *r.revision.Config, *r.revision.Host
	config.Labels = maps.Clone(config.Labels)
	delete(config.Labels, label.Kept)
	delete(config.Labels, label.Revision)
	delete(config.Labels, label.RevisionImage)
	config.Labels[label.Project] = r.stack.Project.Name
	config.Labels[label.OneOff] = "False"
	config.Labels[label.ContainerNumber] = strconv.Itoa(r.number)
	config.Image, host.NetworkMode = r.image.Ref, r.networkMode()
	return steps.CreateContainer{Name: r.name(), Config: &config, Host: &host, Networking: r.networking()}
}
