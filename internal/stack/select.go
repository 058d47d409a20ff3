package stack

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// Select keeps the named services and what they depend on, and reads what these need: env files, files of labels, configs and
// secrets. No names keep all services whose profile is enabled; naming a service enables its profiles.
func (s *Stack) Select(ctx context.Context, services []string) (*Stack, error) {
	return s.choose(ctx, services, types.IncludeDependencies)
}

// Only keeps the named services, and not what they depend on; otherwise it is as Select.
func (s *Stack) Only(ctx context.Context, services []string) (*Stack, error) {
	return s.choose(ctx, services, types.IgnoreDependencies)
}

func (s *Stack) choose(ctx context.Context, services []string, dependencies types.DependencyOption) (*Stack, error) {
	chosen, err := s.named(services, dependencies)
	if err != nil {
		return nil, err
	}
	return chosen, chosen.resolve(ctx)
}

// Named is as Only, but reads nothing: for those who look at names, images and how these are built.
func (s *Stack) Named(services []string) (*Stack, error) {
	return s.named(services, types.IgnoreDependencies)
}

func (s *Stack) named(services []string, dependencies types.DependencyOption) (*Stack, error) {
	chosen := *s
	for _, name := range services {
		if _, known := s.Project.AllServices()[name]; !known {
			return nil, fmt.Errorf("finding service %q: the Compose file has %v", name, slices.Sorted(maps.Keys(s.Project.AllServices())))
		}
	}
	if len(services) > 0 {
		enabled, err := s.Project.WithServicesEnabled(services...)
		if err == nil {
			chosen.Project, err = enabled.WithSelectedServices(services, dependencies)
		}
		if err != nil {
			return nil, fmt.Errorf("selecting services %v: %w", services, err)
		}
	}
	chosen.Project = chosen.needed()
	// A ready probe through a tier that is not part of the selection would never answer.
	if r := s.Extension.Ready; r != nil && !slices.Contains(chosen.Project.ServiceNames(), r.Service) {
		chosen.Extension.Ready = nil
	}
	return &chosen, nil
}

// needed leaves out the networks, volumes, configs and secrets that no service uses: nobody misses them. A front that is not
// part of the selection is told of it all the same.
func (s *Stack) needed() *types.Project {
	all := *s.Project
	all.Services = maps.Clone(s.Project.Services)
	for name, svc := range s.Project.DisabledServices {
		if _, front := s.Upstreams(svc); front {
			all.Services[name] = svc
		}
	}
	needed := all.WithoutUnnecessaryResources()
	for name := range s.Project.DisabledServices {
		delete(needed.Services, name)
	}
	return needed
}

// resolve reads what the services need beside the Compose file.
func (s *Stack) resolve(ctx context.Context) error {
	// Docker compose hashes what env_file brings in, not where it came from.
	if err := checkEnvFiles(s.files, s.Project.Services); err != nil {
		return err
	}
	project, warnings, err := parsed(ctx, func() (*types.Project, error) {
		resolved, err := s.Project.WithServicesEnvironmentResolved(true)
		if err != nil {
			return nil, err
		}
		return resolved.WithServicesLabelsResolved(false)
	})
	if err != nil {
		return explain(s.files, err)
	}
	s.Project, s.Warnings = project, append(slices.Clone(s.Warnings), warnings...)
	for _, name := range slices.Sorted(maps.Keys(project.Configs)) {
		if err := s.readContent(ctx, name); err != nil {
			return located(s.files, "configs."+name, fmt.Errorf("reading config %q: %w", name, err))
		}
	}
	return s.readSecrets(ctx)
}

// readContent brings the content of a config in, once.
func (s *Stack) readContent(ctx context.Context, name string) error {
	config := s.Project.Configs[name]
	if config.File == "" {
		return nil
	}
	content, err := s.readConfig(ctx, config.File)
	if err != nil {
		return err
	}
	config.Content, config.File = string(content), ""
	s.Project.Configs[name] = config
	return nil
}

// readSecrets reads the secrets that services use, from files and variables.
func (s *Stack) readSecrets(ctx context.Context) error {
	s.Secrets = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Project.Secrets)) {
		secret := s.Project.Secrets[name]
		if secret.Environment != "" {
			value, ok := s.Project.Environment[secret.Environment]
			if !ok {
				return located(s.files, "secrets."+name, fmt.Errorf("reading secret %q: the variable %s is not set", name, secret.Environment))
			}
			s.Secrets[name] = value
			continue
		}
		content, err := s.readConfig(ctx, secret.File)
		if err != nil {
			return located(s.files, "secrets."+name, fmt.Errorf("reading secret %q: %w", name, err))
		}
		s.Secrets[name] = string(content)
	}
	return nil
}
