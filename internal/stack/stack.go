// Package stack says what should run: it turns Compose files and flags into a resolved, checked desired state,
// without touching an engine, a clock or the network.
package stack

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Stack is the resolved desired state of one project.
type Stack struct {
	// Project is the resolved Compose model; its configs carry their content.
	Project *types.Project
	// Extension is the top-level `x-stackctl` of the file.
	Extension Extension
	// Secrets are the contents of the secrets, by name. They are not in Project, so that nothing prints them.
	Secrets map[string]string
	// Hashes are the SHA-256 of the generated secrets, in hexadecimal digits, the newest of each first: see SetPasswords.
	Hashes map[string][]string
	// Context holds the build context of services with `x-stackctl: {build: self}`.
	Context fs.FS
	// Embedded says that the Compose file is the one inside stackctl.
	Embedded bool
	// With are the features that are on.
	With []string
	// Warnings are the parser's remarks, such as a variable that is not set.
	Warnings []string

	options   Options
	generated []string                         // secrets
	made      []made                           // secrets that follow from generated ones
	dependsOn map[string]types.DependsOnConfig // by service, as the file has it: Select drops what is not selected
	files     []types.ConfigFile               // unparsed, so that an error can name the line of a key
}

// Extension is the top-level `x-stackctl` of a Compose file.
type Extension struct {
	// Ready is the request that answers 200 only when the whole stack works.
	Ready *Ready `mapstructure:"ready" yaml:"ready,omitempty" json:"ready,omitempty"`
	// Store is the Redis that holds the counter.
	Store *Store `mapstructure:"store" yaml:"store,omitempty" json:"store,omitempty"`
	// URL is where the stack is used, if that is not where it is asked whether it is ready.
	URL *URL `mapstructure:"url" yaml:"url,omitempty" json:"url,omitempty"`
	// With are the features of the embedded stack that this one has too.
	With []string `mapstructure:"with" yaml:"with,omitempty" json:"with,omitempty"`
	// Start is "ordered" (the default: depends_on is followed) or "together".
	Start string `mapstructure:"start" yaml:"start,omitempty" json:"start,omitempty"`
}

// Ready names a GET that goes through every tier.
type Ready struct {
	Service string `mapstructure:"service" yaml:"service,omitempty" json:"service,omitempty"`
	Port    uint32 `mapstructure:"port" yaml:"port,omitempty" json:"port,omitempty"`
	Path    string `mapstructure:"path" yaml:"path,omitempty" json:"path,omitempty"`
}

// URL names a published port and the scheme, http or https, that is spoken there.
type URL struct {
	Service string `mapstructure:"service" yaml:"service,omitempty" json:"service,omitempty"`
	Port    uint32 `mapstructure:"port" yaml:"port,omitempty" json:"port,omitempty"`
	Scheme  string `mapstructure:"scheme" yaml:"scheme,omitempty" json:"scheme,omitempty"`
}

// Store names the stack's Redis and the service whose containers carry stackctl and so reach it.
type Store struct {
	Service string `mapstructure:"service" yaml:"service,omitempty" json:"service,omitempty"`
	Port    uint32 `mapstructure:"port" yaml:"port,omitempty" json:"port,omitempty"`
	Via     string `mapstructure:"via" yaml:"via,omitempty" json:"via,omitempty"`
	// User and Password, a secret, are what the commands log in with; without Password they do not.
	User     string `mapstructure:"user" yaml:"user,omitempty" json:"user,omitempty"`
	Password string `mapstructure:"password" yaml:"password,omitempty" json:"password,omitempty"`
}

// ServiceExtension is a service's `x-stackctl`.
type ServiceExtension struct {
	// Build is "self": the image is built from the Dockerfile and the running stackctl.
	Build string `mapstructure:"build" yaml:"build,omitempty" json:"build,omitempty"`
	// Upstreams is the config whose `upstream` blocks list the replicas of the services they are named after.
	Upstreams string `mapstructure:"upstreams" yaml:"upstreams,omitempty" json:"upstreams,omitempty"`
	// Reload is the signal that makes a running container read its changed configs; with Upstreams the default is SIGHUP.
	Reload string `mapstructure:"reload" yaml:"reload,omitempty" json:"reload,omitempty"`
	// Check is a command that exits with 0 if the Upstreams config at {file} is valid; it runs in the container before the
	// reload.
	Check []string `mapstructure:"check" yaml:"check,omitempty" json:"check,omitempty"`
	// Leaving is a file in the container that is executable from shortly before a reload until its end: as long as it is, the
	// Upstreams config closes each connection after its response.
	Leaving string `mapstructure:"leaving" yaml:"leaving,omitempty" json:"leaving,omitempty"`
	// Healthcheck is "harmless" if running it changes nothing: stackctl then runs it often while it waits for the container.
	Healthcheck string `mapstructure:"healthcheck" yaml:"healthcheck,omitempty" json:"healthcheck,omitempty"`
	// Optional leaves the service out where its image cannot be had.
	Optional bool `mapstructure:"optional" yaml:"optional,omitempty" json:"optional,omitempty"`
	// Host says how to make the image from this host's programs when no registry can be reached.
	Host *HostImage `mapstructure:"host" yaml:"host,omitempty" json:"host,omitempty"`
}

// HostImage describes an image made from the host's own programs.
type HostImage struct {
	Programs []string `mapstructure:"programs" yaml:"programs,omitempty" json:"programs,omitempty"`
	// Files are patterns of absolute paths of files and folders that the programs need besides their libraries.
	Files       []string        `mapstructure:"files" yaml:"files,omitempty" json:"files,omitempty"`
	Directories []HostDirectory `mapstructure:"directories" yaml:"directories,omitempty" json:"directories,omitempty"`
	// Entrypoint is the image's: for services whose program has another path in their own image, and that therefore leave theirs out.
	Entrypoint []string `mapstructure:"entrypoint" yaml:"entrypoint,omitempty" json:"entrypoint,omitempty"`
}

// HostDirectory is a directory of such an image; Owner is "uid:gid" and Mode is octal.
type HostDirectory struct {
	Path  string `mapstructure:"path" yaml:"path,omitempty" json:"path,omitempty"`
	Owner string `mapstructure:"owner" yaml:"owner,omitempty" json:"owner,omitempty"`
	Mode  string `mapstructure:"mode" yaml:"mode,omitempty" json:"mode,omitempty"`
}

// extensionKey is the key of our extensions, at the top level and in services.
const extensionKey = "x-stackctl"

// ServiceExtensionOf returns the service's `x-stackctl`, the zero value when it has none.
func ServiceExtensionOf(svc types.ServiceConfig) ServiceExtension {
	ext, _ := svc.Extensions[extensionKey].(ServiceExtension)
	return ext
}

// Replicas returns how many containers the service should have.
func Replicas(svc types.ServiceConfig) int {
	return svc.GetScale()
}

// Together reports whether services start without waiting for what they depend on.
func (s *Stack) Together() bool { return s.Extension.Start == "together" }

// Upstreams returns the config whose upstream blocks a service's containers read, and where they read it.
// ok is false when the service fronts nothing.
func (s *Stack) Upstreams(svc types.ServiceConfig) (config string, ok bool) {
	name := ServiceExtensionOf(svc).Upstreams
	return name, name != ""
}

// Scale sets a service's number of replicas, regardless of what the Compose file says.
func (s *Stack) Scale(service string, replicas int) error {
	svc, ok := s.Project.Services[service]
	switch {
	case !ok:
		return fmt.Errorf("scaling service %q: the Compose file has no such service; it has %s", service, strings.Join(s.Project.ServiceNames(), ", "))
	case replicas < 0:
		return fmt.Errorf("scaling service %q to %d: use 0 or more", service, replicas)
	}
	if replicas > 1 {
		if s.Extension.Store != nil && s.Extension.Store.Service == service {
			return fmt.Errorf("scaling service %q to %d: it holds the data, so it can have only one replica", service, replicas)
		}
		for _, p := range svc.Ports {
			if p.Published != "" && !strings.Contains(p.Published, "-") {
				return fmt.Errorf("scaling service %q to %d: it publishes port %s, which only one replica can have; publish a range such as 8000-8009", service, replicas, p.Published)
			}
		}
	}
	svc.SetScale(replicas)
	s.Project.Services[service] = svc
	return nil
}

// Fronts lists the services with upstreams, sorted.
func (s *Stack) Fronts() (names []string) {
	for _, name := range s.Project.ServiceNames() {
		if _, ok := s.Upstreams(s.Project.Services[name]); ok {
			names = append(names, name)
		}
	}
	return names
}

// Behind lists the services that an upstream block of a front names, sorted.
func (s *Stack) Behind() []string {
	var names []string
	for _, front := range s.Project.Services {
		config, ok := s.Upstreams(front)
		if !ok {
			continue
		}
		for _, name := range UpstreamServices(s.Project.Configs[config].Content) {
			if _, known := s.Project.Services[name]; known && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// SetImage makes a service use an existing image, regardless of how the Compose file builds its own.
func SetImage(svc *types.ServiceConfig, image string) {
	ext := ServiceExtensionOf(*svc)
	ext.Build, ext.Host = "", nil
	svc.Image, svc.Build = image, nil
	svc.Extensions = maps.Clone(svc.Extensions)
	if svc.Extensions != nil {
		svc.Extensions[extensionKey] = ext
	}
}

// DependsOn returns a service's depends_on as the Compose file has it, including services that are not selected.
func (s *Stack) DependsOn(service string) types.DependsOnConfig { return s.dependsOn[service] }

// DependenciesOf lists a service's direct dependencies, sorted.
func (s *Stack) DependenciesOf(service string) ([]string, error) {
	svc, ok := s.Project.Services[service]
	if !ok {
		return nil, fmt.Errorf("finding service %q: the Compose file has %v", service, s.Project.ServiceNames())
	}
	return slices.Sorted(maps.Keys(svc.DependsOn)), nil
}
