package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/mask"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// actionOf names what becomes of a replica.
var actionOf = map[fate]string{keep: "keep", create: "create", replace: "replace", rolling: "roll", start: "start", unpause: "unpause"}

// changes lists what the plan does to each object: volumes and networks, then the services' replicas, then what leaves.
func (p *planner) changes(services []string) error {
	project := p.stack.Project
	for _, key := range slices.Sorted(maps.Keys(project.Volumes)) {
		p.changeOf("volume", project.Volumes[key].Name, "create", p.resources.volumes, key)
	}
	for _, key := range slices.Sorted(maps.Keys(project.Networks)) {
		action := "create"
		if p.resources.renewed[key] != "" {
			action = "replace"
		}
		p.changeOf("network", project.Networks[key].Name, action, p.resources.networks, key)
	}
	replaced := map[string]bool{}
	for _, name := range services {
		for _, d := range p.decisions[name] {
			if d.replaces() {
				replaced[d.old.ID] = true
			}
			change, err := p.replicaChange(d)
			if err != nil {
				return err
			}
			p.plan.Changes = append(p.plan.Changes, change)
		}
	}
	for _, c := range p.observed.Containers {
		if op, gone := p.made.removals[c.ID]; gone && !replaced[c.ID] {
			p.plan.Changes = append(p.plan.Changes, steps.Change{Action: "remove", Kind: "container", Object: c.Name, Service: c.Service, Cause: p.plan.Ops[op].Cause})
		}
	}
	return nil
}

func (p *planner) changeOf(kind, name, action string, ops map[string]int, key string) {
	change := steps.Change{Action: "keep", Kind: kind, Object: name}
	if op, ok := ops[key]; ok {
		change.Action, change.Cause = action, p.plan.Ops[op].Cause
	}
	p.plan.Changes = append(p.plan.Changes, change)
}

func (p *planner) replicaChange(d decision) (steps.Change, error) {
	change := steps.Change{Action: actionOf[d.fate], Kind: "container", Object: d.name(), Service: d.service.Name, Cause: d.cause}
	var environment types.MappingWithEquals
	switch d.fate {
	case keep:
		if op, ok := p.made.reloads[d.called()]; ok {
			change.Action, change.Cause = "reload", p.plan.Ops[op].Cause
		} else if d.called() != d.name() {
			change.Action, change.Object, change.Cause = "rename", d.called(), fmt.Sprintf("its final name is %q", d.name())
		}
	case replace, rolling:
		fields, err := stack.Fields(d.service)
		if err != nil {
			return change, err
		}
		labels := map[string]string(d.service.Labels)
		change.Replaces, environment = d.old.ID, d.service.Environment
		if d.revision != nil {
			fields, labels, environment = d.revision.Fields(), d.revision.Config.Labels, types.NewMappingWithEquals(d.revision.Config.Env)
		}
		if d.old.ImageID != d.image.ID {
			change.Fields = append(change.Fields, steps.Field{Path: "image ID", Old: d.old.ImageID, New: cmp.Or(d.image.ID, "to be made")})
		}
		if len(d.old.Fields) > 0 { // other tools' containers have none
			for _, f := range stack.Diff(d.old.Fields, fields) {
				change.Fields = append(change.Fields, masked(f, d.old.Labels, labels, environment))
			}
		}
		for _, f := range d.derivedDiff(*d.old) {
			change.Fields = append(change.Fields, steps.Field(f))
		}
	}
	return change, nil
}

// masked puts the values of labels and variables, which the fields hold as hashes only, in their place, without secrets.
func masked(f stack.ChangedField, old, labels map[string]string, environment types.MappingWithEquals) steps.Field {
	field := steps.Field{Path: f.Path, Old: mask.Text(f.Old), New: mask.Text(f.New)}
	switch kind, name, _ := strings.Cut(f.Path, "."); kind {
	case "labels":
		field.Old, field.New = steps.Setting(name, old[name], f.Old), steps.Setting(name, labels[name], f.New)
	case "environment":
		value := ""
		if v := environment[name]; v != nil {
			value = *v
		}
		field.New = steps.Setting(name, value, f.New)
	case "command", "entrypoint", "healthcheck":
		field.Old, field.New = mask.Command(strings.Fields(f.Old)), mask.Command(strings.Fields(f.New))
	}
	return field
}
