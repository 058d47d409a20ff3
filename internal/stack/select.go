package stack

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// Select keeps the named services and their dependencies, and reads what these need: env files, label files, configs and
// secrets. Without names it keeps all services whose profile is enabled; naming a service enables its profiles.
func (s *Stack) Select(ctx context.Context, services []string) (*Stack, error) {
	return s.selectAndRead(ctx, services, types.IncludeDependencies)
}

// Only is Select without the dependencies.
func (s *Stack) Only(ctx context.Context, services []string) (*Stack, error) {
	return s.selectAndRead(ctx, services, types.IgnoreDependencies)
}

// Named is Only without reading any file, for callers that need no more than names, images and how to build them.
func (s *Stack) Named(services []string) (*Stack, error) {
	return s.selected(services, types.IgnoreDependencies)
}

func (s *Stack) selectAndRead(ctx context.Context, services []string, dependencies types.DependencyOption) (*Stack, error) {
	selected, err := s.selected(services, dependencies)
	if err != nil {
		return nil, err
	}
	return selected, selected.resolve(ctx)
}

func (s *Stack) selected(services []string, dependencies types.DependencyOption) (*Stack, error) {
	selected := *s
	for _, name := range services {
		if _, known := s.Project.AllServices()[name]; !known {
			return nil, fmt.Errorf("finding service %q: the Compose file has %v", name, slices.Sorted(maps.Keys(s.Project.AllServices())))
		}
	}
	if len(services) > 0 {
		enabled, err := s.Project.WithServicesEnabled(services...)
		if err == nil {
			selected.Project, err = enabled.WithSelectedServices(services, dependencies)
		}
		if err != nil {
			return nil, fmt.Errorf("selecting services %v: %w", services, err)
		}
	}
	selected.Project = selected.withoutUnused()
	// A ready probe through a service that is not selected would never answer.
	if r := s.Extension.Ready; r != nil && !slices.Contains(selected.Project.ServiceNames(), r.Service) {
		selected.Extension.Ready = nil
	}
	if u := s.Extension.URL; u != nil && !slices.Contains(selected.Project.ServiceNames(), u.Service) {
		selected.Extension.URL = nil
	}
	return &selected, nil
}

// Disable returns the stack without some of its services, as if they had not been selected.
func (s *Stack) Disable(services []string) *Stack {
	if len(services) == 0 {
		return s
	}
	disabled := *s
	disabled.Project = s.Project.WithServicesDisabled(services...)
	return &disabled
}

// withoutUnused leaves out the networks, volumes, configs and secrets that no service uses. Those of a service with upstreams stay
// even if it is not selected: its config must follow the replicas of the services that are.
func (s *Stack) withoutUnused() *types.Project {
	all := *s.Project
	all.Services = maps.Clone(s.Project.Services)
	for name, svc := range s.Project.DisabledServices {
		if _, front := s.Upstreams(svc); front {
			all.Services[name] = svc
		}
	}
	used := all.WithoutUnnecessaryResources()
	for name := range s.Project.DisabledServices {
		delete(used.Services, name)
	}
	for _, name := range s.generated { // a Redis user has it, if no service does
		if used.Secrets == nil {
			used.Secrets = types.Secrets{}
		}
		used.Secrets[name] = s.Project.Secrets[name]
	}
	return used
}

// resolve reads the files that the services refer to.
func (s *Stack) resolve(ctx context.Context) error {
	// Like docker compose, Hash covers the variables of env_file, not its path.
	if err := checkEnvFiles(s.files, s.Project.Services); err != nil {
		return err
	}
	project, warnings, err := collectWarnings(ctx, func() (*types.Project, error) {
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

// readContent reads a config's file into its Content, unless that was done before.
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
	if s.isRendered(name) || ConfigExtensionOf(config).Features {
		config.Content = RenderFeatures(config.Content, s.With, s.Project.Environment)
	}
	s.Project.Configs[name] = config
	return nil
}

// readSecrets reads the secrets from files and environment variables.
func (s *Stack) readSecrets(ctx context.Context) error {
	s.Secrets = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.Project.Secrets)) {
		if s.isKept(name) || s.IsMade(name) {
			continue // its content is in the project, see SetPasswords, or follows from another one
		}
		content, err := s.readSecret(ctx, name, s.Project.Secrets[name])
		if err != nil {
			return err
		}
		s.Secrets[name] = content
	}
	for _, m := range s.made {
		if _, used := s.Project.Secrets[m.name]; !used || s.isKept(m.name) {
			continue
		}
		secret, err := s.readSecret(ctx, m.of, m.source) // no service has it, so it is no longer in the model
		if err != nil {
			return err
		}
		s.Secrets[m.name] = m.content(secret)
	}
	return nil
}

func (s *Stack) readSecret(ctx context.Context, name string, secret types.SecretConfig) (string, error) {
	if secret.Environment != "" {
		value, ok := s.Project.Environment[secret.Environment]
		if !ok {
			return "", located(s.files, "secrets."+name, fmt.Errorf("reading secret %q: the variable %s is not set", name, secret.Environment))
		}
		return value, nil
	}
	content, err := ReadFile(ctx, secret.File, configLimit) // the embedded stack has none of its own
	if err != nil {
		return "", located(s.files, "secrets."+name, fmt.Errorf("reading secret %q: %w", name, err))
	}
	return string(content), nil
}
