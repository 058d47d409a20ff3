package planner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/strslice"
	"github.com/docker/go-connections/nat"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// OneOff says how a container that does one thing differs from a replica of its service.
type OneOff struct {
	Name        string
	Command     []string // none keeps the service's
	Entrypoint  []string // none keeps the service's
	Env         []string // NAME=VALUE
	User        string
	WorkingDir  string
	TTY, Stdin  bool
	Remove      bool // when it has ended
	PublishPort bool // the service's ports
}

// RunOnce plans the creation of a one-off container of a service: with its configuration, on its networks, at addresses
// that the engine chooses, and without a policy that restarts it. It is not started.
func RunOnce(s *stack.Stack, o *observe.Observed, service string, image Image, x OneOff) (*steps.Plan, error) {
	p := newPlanner(s, o, nil, Options{})
	svc, ok := s.Project.Services[service]
	if !ok {
		return nil, fmt.Errorf("finding service %q: the Compose file has %v", service, s.Project.ServiceNames())
	}
	svc.ContainerName = x.Name
	d := decision{replica: replica{stack: s, service: svc, number: 1, image: image}, fate: create}
	action, err := d.create()
	if err != nil {
		return nil, err
	}
	_, action.Files = d.split(p.files(d, true))
	config, host := action.Config, action.Host
	config.Labels = maps.Clone(config.Labels)
	config.Labels[label.OneOff] = "True"
	for _, name := range []string{label.Ready, label.Front, label.StorePort, label.StoreUser, label.StoreSecret, label.StorePassword} {
		delete(config.Labels, name)
	}
	if len(x.Command) > 0 {
		config.Cmd = strslice.StrSlice(x.Command)
	}
	if len(x.Entrypoint) > 0 {
		config.Entrypoint = strslice.StrSlice(x.Entrypoint)
		if len(x.Command) == 0 {
			config.Cmd = nil
		}
	}
	if x.User != "" {
		config.User = x.User
	}
	if x.WorkingDir != "" {
		config.WorkingDir = x.WorkingDir
	}
	config.Env = append(slices.Clone(config.Env), x.Env...)
	config.Tty, config.OpenStdin, config.StdinOnce, config.AttachStdin = x.TTY, x.Stdin, x.Stdin, x.Stdin
	config.AttachStdout, config.AttachStderr = true, true
	host.RestartPolicy, host.AutoRemove = container.RestartPolicy{}, x.Remove
	if !x.PublishPort {
		host.PortBindings = nat.PortMap{}
	}
	created := p.plan.Add(service, action, "run")
	p.planFiles(d, "run", []int{created})
	for _, key := range d.networkKeys()[min(1, len(d.networkKeys())):] {
		p.plan.Add(service, steps.ConnectNetwork{Network: d.networkName(key), Container: d.called(), Endpoint: d.endpoint(key)}, "run", created)
	}
	return p.plan, nil
}
