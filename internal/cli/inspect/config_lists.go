package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/stack"
)

// configLists are the flags of `config` that print one thing a line instead of the file, as docker compose does.
type configLists struct {
	quiet, services, volumes, networks, profiles, images, environment bool
	hash                                                              string
}

func addConfigLists(cmd *cobra.Command) *configLists {
	l := &configLists{}
	flags := cmd.Flags()
	flags.BoolVarP(&l.quiet, "quiet", "q", false, "only check the file")
	flags.BoolVar(&l.services, "services", false, "print the services' names")
	flags.BoolVar(&l.volumes, "volumes", false, "print the volumes' names")
	flags.BoolVar(&l.networks, "networks", false, "print the networks' names")
	flags.BoolVar(&l.profiles, "profiles", false, "print the profiles' names")
	flags.BoolVar(&l.images, "images", false, "print the images' names")
	flags.BoolVar(&l.environment, "environment", false, "print the variables that the file is resolved with")
	flags.StringVar(&l.hash, "hash", "", "print the configuration hash of a service, or of all with '*'")
	return l
}

// configLists prints what was asked for; done says that something was.
func (a *app) configLists(ctx context.Context, l *configLists, services []string) (done bool, err error) {
	s, err := a.Read(ctx)
	if err == nil && (l.quiet || l.hash != "" || len(services) > 0) {
		s, err = s.Select(ctx, services)
	}
	if err != nil {
		return false, err
	}
	var lines []string
	switch {
	case l.quiet:
	case l.services:
		lines = s.Project.ServiceNames()
	case l.volumes:
		lines = s.Project.VolumeNames()
	case l.networks:
		lines = s.Project.NetworkNames()
	case l.profiles:
		lines = profilesOf(s)
	case l.images:
		lines = imagesOf(s)
	case l.environment:
		for _, name := range slices.Sorted(maps.Keys(s.Project.Environment)) {
			lines = append(lines, name+"="+s.Project.Environment[name])
		}
	case l.hash != "":
		lines, err = hashesOf(s, l.hash)
	default:
		return false, nil
	}
	for _, line := range lines {
		fmt.Fprintln(a.Out, line)
	}
	return true, err
}

func profilesOf(s *stack.Stack) []string {
	var found []string
	for _, svc := range s.Project.AllServices() {
		for _, profile := range svc.Profiles {
			if !slices.Contains(found, profile) {
				found = append(found, profile)
			}
		}
	}
	slices.Sort(found)
	return found
}

func imagesOf(s *stack.Stack) []string {
	var found []string
	for _, name := range s.Project.ServiceNames() {
		found = append(found, images.Wanted(s, s.Project.Services[name]))
	}
	return found
}

func hashesOf(s *stack.Stack, service string) ([]string, error) {
	names := []string{service}
	if service == "*" {
		names = s.Project.ServiceNames()
	}
	var lines []string
	for _, name := range names {
		svc, ok := s.Project.Services[name]
		if !ok {
			return nil, fmt.Errorf("finding service %q: the Compose file has %v", name, s.Project.ServiceNames())
		}
		hash, err := stack.Hash(svc)
		if err != nil {
			return nil, err
		}
		lines = append(lines, name+" "+hash)
	}
	return lines, nil
}
