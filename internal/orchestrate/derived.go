package orchestrate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"stackctl.dev/stackctl/internal/stack"
)

// derivedNames are the labels that commands without the Compose file act by, and that follow from what the configuration's
// hash does not cover. A container on which one of them is wrong is replaced: labels cannot be changed. The other labels say
// which container it is, where its file stood and who made it, or are compared as what they stand for.
var derivedNames = []string{LabelDependsOn, LabelFolders, LabelReady, LabelStorePort, LabelTunnel, LabelFront, LabelHealthcheck}

// derivedLabels are the values of derivedNames; those that are absent are not written.
func (r replica) derivedLabels() map[string]string {
	if r.revision != nil {
		return r.revision.config.Labels
	}
	// Docker compose writes it also where there are none.
	labels := map[string]string{LabelDependsOn: r.dependsOnLabel()}
	if folders := r.configFolders(); len(folders) > 0 {
		encoded, _ := json.Marshal(folders) // strings always marshal
		labels[LabelFolders] = string(encoded)
	}
	if ready := r.stack.Extension.Ready; ready != nil && ready.Service == r.service.Name {
		labels[LabelReady] = fmt.Sprintf("%d%s", ready.Port, ready.Path)
	}
	if store := r.stack.Extension.Store; store != nil {
		if store.Service == r.service.Name {
			labels[LabelStorePort] = strconv.Itoa(int(store.Port))
		}
		if store.Via == r.service.Name {
			labels[LabelTunnel] = "true"
		}
	}
	if _, ok := r.stack.Upstreams(r.service); ok {
		labels[LabelFront] = "true"
	}
	if check := stack.ServiceExtensionOf(r.service).Healthcheck; check != "" {
		labels[LabelHealthcheck] = check
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
func (r replica) derivedDiff(have Container) (changed []stack.ChangedField) {
	wanted := r.derivedLabels()
	_, ours := have.Labels[LabelFields]
	for _, label := range derivedNames {
		if theirs := !ours && (label == LabelDependsOn || label == LabelFolders); !theirs && have.Labels[label] != wanted[label] {
			changed = append(changed, stack.ChangedField{Path: "label " + label, Old: have.Labels[label], New: wanted[label]})
		}
	}
	return changed
}
