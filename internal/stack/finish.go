package stack

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/go-viper/mapstructure/v2"
)

// finish decodes our extensions, and checks what Compose's schema cannot.
func (s *Stack) finish(ctx context.Context) error {
	if raw, ok := s.Project.Extensions[extensionKey]; ok {
		if err := decode(raw, &s.Extension); err != nil {
			return located(s.files, extensionKey, err)
		}
	}
	if err := s.decodeFileExtensions(); err != nil {
		return err
	}
	s.dependsOn = map[string]types.DependsOnConfig{}
	for _, services := range []types.Services{s.Project.Services, s.Project.DisabledServices} {
		for _, name := range slices.Sorted(maps.Keys(services)) {
			svc := services[name]
			if err := decodeServiceExtension(&svc); err != nil {
				return located(s.files, "services."+name+"."+extensionKey, err)
			}
			services[name], s.dependsOn[name] = svc, svc.DependsOn
			if config, ok := s.Upstreams(svc); ok {
				_ = s.readContent(ctx, config) // it names the services behind; if it cannot be read, resolve returns the error
			}
		}
	}
	return s.checkExtension(s.files)
}

// decodeServiceExtension replaces the raw map with a ServiceExtension.
func decodeServiceExtension(svc *types.ServiceConfig) error {
	raw, ok := svc.Extensions[extensionKey]
	if !ok {
		return nil
	}
	var ext ServiceExtension
	if err := decode(raw, &ext); err != nil {
		return err
	}
	if ext.Upstreams != "" && ext.Reload == "" {
		ext.Reload = "SIGHUP" // nginx's; without a reload, each new replica would restart the service in front
	}
	svc.Extensions = maps.Clone(svc.Extensions)
	svc.Extensions[extensionKey] = ext
	return nil
}

// decode reads an extension's map into a struct; an unknown key is an error.
func decode(raw, into any) error {
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: into, ErrorUnused: true})
	if err != nil {
		return err
	}
	if err := decoder.Decode(raw); err != nil {
		return fmt.Errorf("reading %s: %w", extensionKey, err)
	}
	return nil
}

// readConfig reads the file of a config: one of the user's, or of the embedded stack and its features.
func (s *Stack) readConfig(ctx context.Context, path string) ([]byte, error) {
	name, err := filepath.Rel(s.Project.WorkingDir, path)
	if err != nil {
		return nil, err
	}
	if name = filepath.ToSlash(name); s.Embedded || len(s.With) > 0 && strings.HasPrefix(name, featuresFolder+"/") {
		if content, err := fs.ReadFile(s.options.Default, name); err == nil {
			return content, nil
		}
	}
	return ReadFile(ctx, path, configLimit)
}

// checkExtension checks the values of `x-stackctl`, and that the services and configs it refers to exist.
func (s *Stack) checkExtension(files []types.ConfigFile) error {
	checkReference := func(path, service string) error {
		if _, ok := s.Project.Services[service]; ok {
			return nil
		}
		return located(files, path, fmt.Errorf("finding service %q: the Compose file has %v", service, s.Project.ServiceNames()))
	}
	if r := s.Extension.Ready; r != nil {
		if err := checkReference(extensionKey+".ready", r.Service); err != nil {
			return err
		}
		if _, err := ProbeURL("", r.Path); err != nil {
			return located(files, extensionKey+".ready.path", err)
		}
	}
	if st := s.Extension.Store; st != nil {
		if err := cmp.Or(checkReference(extensionKey+".store", st.Service), checkReference(extensionKey+".store", st.Via)); err != nil {
			return err
		}
		if err := s.checkLogin(st); err != nil {
			return located(files, extensionKey+".store", err)
		}
	}
	if u := s.Extension.URL; u != nil {
		if err := checkReference(extensionKey+".url", u.Service); err != nil {
			return err
		}
		if u.Scheme != "http" && u.Scheme != "https" {
			return located(files, extensionKey+".url.scheme", fmt.Errorf("checking %q: use http or https", u.Scheme))
		}
	}
	if err := s.checkFeatures(); err != nil {
		return err
	}
	if start := s.Extension.Start; start != "" && start != "ordered" && start != "together" {
		return located(files, extensionKey+".start", fmt.Errorf("checking %q: use ordered or together", start))
	}
	for _, svc := range s.Project.Services {
		if check := ServiceExtensionOf(svc).Healthcheck; check != "" && check != "harmless" {
			return located(files, "services."+svc.Name+"."+extensionKey+".healthcheck", fmt.Errorf("checking %q: use harmless, or leave it out", check))
		}
		if leaving := ServiceExtensionOf(svc).Leaving; leaving != "" && (!path.IsAbs(leaving) || strings.HasSuffix(leaving, "/") || ServiceExtensionOf(svc).Reload == "") {
			return located(files, "services."+svc.Name+"."+extensionKey+".leaving", fmt.Errorf("checking %q: use the absolute path of a file, in a service with reload", leaving))
		}
		if config := ServiceExtensionOf(svc).Upstreams; config != "" {
			if _, ok := s.Project.Configs[config]; !ok {
				return located(files, "services."+svc.Name+"."+extensionKey, fmt.Errorf("finding config %q: it is not under configs", config))
			}
		}
	}
	return nil
}
