package planner

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/stack"
)

// derivedNames are the labels that commands without the Compose file act by, and that follow from what the configuration's
// hash does not cover. A container on which one of them is wrong is replaced: labels cannot be changed. The other labels say
// which container it is, where its file stood and who made it, or are compared as what they stand for.
var derivedNames = []string{label.DependsOn, label.Folders, label.Ready, label.URL, label.StorePort, label.StoreUser, label.StoreSecret, label.StorePassword, label.Tunnel, label.Front, label.Healthcheck}

// derivedLabels are the values of derivedNames; those that are absent are not written.
func (r replica) derivedLabels() map[string]string {
	if r.revision != nil {
		return r.revision.Config.Labels
	}
	// Docker compose writes it also where there are none.
	labels := map[string]string{label.DependsOn: r.dependsOnLabel()}
	if folders := r.configFolders(); len(folders) > 0 {
		encoded, _ := json.Marshal(folders) // strings always marshal
		labels[label.Folders] = string(encoded)
	}
	if ready := r.stack.Extension.Ready; ready != nil && ready.Service == r.service.Name {
		labels[label.Ready] = fmt.Sprintf("%d%s", ready.Port, ready.Path)
	}
	if u := r.stack.Extension.URL; u != nil && u.Service == r.service.Name {
		labels[label.URL] = fmt.Sprintf("%s/%d", u.Scheme, u.Port)
	}
	if store := r.stack.Extension.Store; store != nil {
		if store.Service == r.service.Name {
			labels[label.StorePort] = strconv.Itoa(int(store.Port))
		}
		if store.Service == r.service.Name && store.Password != "" {
			labels[label.StoreUser] = cmp.Or(store.User, "default")
			if slices.Contains(r.stack.Generated(), store.Password) {
				labels[label.StoreSecret] = store.Password
			}
		}
		for _, ref := range r.service.Secrets {
			if ref.Source == store.Password && !slices.Contains(r.stack.Generated(), ref.Source) {
				labels[label.StorePassword] = configs.SecretTarget(ref)
			}
		}
		if store.Via == r.service.Name {
			labels[label.Tunnel] = "true"
		}
	}
	if _, ok := r.stack.Upstreams(r.service); ok {
		labels[label.Front] = "true"
	}
	if check := stack.ServiceExtensionOf(r.service).Healthcheck; check != "" {
		labels[label.Healthcheck] = check
	}
	return labels
}

// dependsOnLabel lists all that the service depends on in its file: what is not part of this run is there for a later one.
func (r replica) dependsOnLabel() string {
	dependsOn := r.stack.DependsOn(r.service.Name)
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(dependsOn)) {
		d := dependsOn[name]
		parts = append(parts, fmt.Sprintf("%s:%s:%t", name, d.Condition, d.Restart))
	}
	return strings.Join(parts, ",")
}

// derivedDiff lists the derived labels that are not what they should be. What another tool made has its own idea of
// depends_on and of where configs go, and keeps it.
func (r replica) derivedDiff(have observe.Container) (changed []stack.ChangedField) {
	wanted := r.derivedLabels()
	_, ours := have.Labels[label.Fields]
	for _, name := range derivedNames {
		if theirs := !ours && (name == label.DependsOn || name == label.Folders); !theirs && have.Labels[name] != wanted[name] {
			changed = append(changed, stack.ChangedField{Path: "label " + name, Old: have.Labels[name], New: wanted[name]})
		}
	}
	return changed
}
