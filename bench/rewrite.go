package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// object is a mapping of a Compose file.
type object = map[string]any

// rewrite turns a resolved Compose file into one that every Compose from 1.29 on reads, with the files that it mounts
// beside it. It returns the file's path.
func (b *bench) rewrite(data []byte, folder string, lean bool) (string, error) {
	var model object
	if err := json.Unmarshal(data, &model); err != nil {
		return "", err
	}
	dropExtensions(model)
	delete(model, "name")
	mounted, err := b.configFiles(model, folder)
	if err != nil {
		return "", err
	}
	for _, svc := range objectOf(model["services"]) {
		svc := objectOf(svc)
		mountConfigs(svc, mounted)
		plainPorts(svc)
		dropNulls(svc)
		plainDependencies(svc, lean)
		if lean {
			delete(svc, "healthcheck")
		}
	}
	if data, err = json.MarshalIndent(model, "", "  "); err != nil {
		return "", err
	}
	return b.tempFile(filepath.Join(folder, "compose.yaml"), data) // JSON is YAML
}

// objectOf is empty when there is no mapping.
func objectOf(value any) object {
	o, _ := value.(object)
	return o
}

func listOf(value any) []any {
	l, _ := value.([]any)
	return l
}

func dropExtensions(o object) {
	for key, value := range o {
		if strings.HasPrefix(key, "x-") {
			delete(o, key)
		} else if inner, ok := value.(object); ok {
			dropExtensions(inner)
		}
	}
}

// configFiles writes the inline configs to files, and returns their paths.
func (b *bench) configFiles(model object, folder string) (map[string]string, error) {
	paths := map[string]string{}
	for name, config := range objectOf(model["configs"]) {
		config := objectOf(config)
		if file, ok := config["file"].(string); ok {
			paths[name] = file
			continue
		}
		content, ok := config["content"].(string)
		if !ok {
			return nil, fmt.Errorf("reading config %q: it has neither content nor a file", name)
		}
		// In a Compose file a dollar sign is doubled.
		path, err := b.tempFile(filepath.Join(folder, name), []byte(strings.ReplaceAll(content, "$$", "$")))
		if err != nil {
			return nil, err
		}
		paths[name] = path
	}
	delete(model, "configs")
	return paths, nil
}

func mountConfigs(svc object, paths map[string]string) {
	volumes := listOf(svc["volumes"])
	for _, ref := range listOf(svc["configs"]) {
		ref := objectOf(ref)
		source, _ := ref["source"].(string)
		target, ok := ref["target"].(string)
		if !ok {
			target = "/" + source
		}
		volumes = append(volumes, object{"type": "bind", "source": paths[source], "target": target, "read_only": true})
	}
	delete(svc, "configs")
	if len(volumes) > 0 {
		svc["volumes"] = volumes
	}
}

// plainPorts writes ports in the short form, since older schemas lack host_ip in the long one.
func plainPorts(svc object) {
	ports := listOf(svc["ports"])
	for i, port := range ports {
		port := objectOf(port)
		if port == nil {
			continue // short already
		}
		text := fmt.Sprint(port["target"])
		if published, ok := port["published"]; ok {
			text = fmt.Sprint(published) + ":" + text
			if ip, ok := port["host_ip"]; ok {
				text = fmt.Sprint(ip) + ":" + text
			}
		}
		if protocol, ok := port["protocol"]; ok {
			text += "/" + fmt.Sprint(protocol)
		}
		ports[i] = text
	}
}

// dropNulls leaves out what is not set: older schemas want a value.
func dropNulls(svc object) {
	for _, key := range []string{"command", "entrypoint"} {
		if svc[key] == nil {
			delete(svc, key)
		}
	}
}

// plainDependencies leaves of depends_on what older schemas know; a lean one waits only for the start.
func plainDependencies(svc object, lean bool) {
	for _, dependency := range objectOf(svc["depends_on"]) {
		dependency := objectOf(dependency)
		delete(dependency, "required")
		if lean {
			dependency["condition"] = "service_started"
		}
	}
}

// imagesOf lists the image of each service of a resolved Compose file.
func imagesOf(data []byte) (map[string]string, error) {
	var model struct {
		Services map[string]struct{ Image string }
	}
	if err := json.Unmarshal(data, &model); err != nil {
		return nil, fmt.Errorf("reading the resolved Compose file: %w", err)
	}
	images := map[string]string{}
	for name, svc := range model.Services {
		images[name] = svc.Image
	}
	return images, nil
}
