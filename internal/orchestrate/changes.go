package orchestrate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"stackctl.dev/stackctl/internal/mask"
	"stackctl.dev/stackctl/internal/stack"
)

// Change says what a plan does to one object, for people and for programs.
type Change struct {
	Action  string  `json:"action"` // create, replace, roll (replace while it serves), start, unpause, reload, rename, keep or remove
	Kind    string  `json:"kind"`   // container, network or volume
	Object  string  `json:"object"` // its name
	Service string  `json:"service,omitempty"`
	Cause   string  `json:"cause,omitempty"`
	Fields  []Field `json:"fields,omitempty"`

	old         *Container
	environment types.MappingWithEquals
}

// Field is a part of an object's configuration that changes; secrets are hidden, and a value is "" where there is none.
type Field struct {
	Path string `json:"path"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// actionOf names what becomes of a replica.
var actionOf = map[fate]string{keep: "keep", create: "create", replace: "replace", rolling: "roll", start: "start", unpause: "unpause"}

// changes lists what the plan does to each object: volumes and networks, then the services' replicas, then what leaves.
func (p *planner) changes(services []string) error {
	project := p.stack.Project
	for _, key := range slices.Sorted(maps.Keys(project.Volumes)) {
		p.changeOf("volume", project.Volumes[key].Name, "create", p.volumeOps, key)
	}
	for _, key := range slices.Sorted(maps.Keys(project.Networks)) {
		action := "create"
		if p.renewed[key] != "" {
			action = "replace"
		}
		p.changeOf("network", project.Networks[key].Name, action, p.networkOps, key)
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
		if op, gone := p.removeOps[c.ID]; gone && !replaced[c.ID] {
			p.plan.Changes = append(p.plan.Changes, Change{Action: "remove", Kind: "container", Object: c.Name, Service: c.Service, Cause: p.plan.Ops[op].Cause})
		}
	}
	return nil
}

func (p *planner) changeOf(kind, name, action string, ops map[string]int, key string) {
	change := Change{Action: "keep", Kind: kind, Object: name}
	if op, ok := ops[key]; ok {
		change.Action, change.Cause = action, p.plan.Ops[op].Cause
	}
	p.plan.Changes = append(p.plan.Changes, change)
}

func (p *planner) replicaChange(d decision) (Change, error) {
	change := Change{Action: actionOf[d.fate], Kind: "container", Object: d.name(), Service: d.service.Name, Cause: d.cause}
	switch d.fate {
	case keep:
		if op, ok := p.lastReload[d.called()]; ok {
			change.Action, change.Cause = "reload", p.plan.Ops[op].Cause
		} else if d.called() != d.name() {
			change.Action, change.Object, change.Cause = "rename", d.called(), fmt.Sprintf("it is to be %q", d.name())
		}
	case replace, rolling:
		fields, err := stack.Fields(d.service)
		if err != nil {
			return change, err
		}
		labels := map[string]string(d.service.Labels)
		change.old, change.environment = d.old, d.service.Environment
		if d.revision != nil {
			fields, labels, change.environment = d.revision.fields(), d.revision.config.Labels, types.NewMappingWithEquals(d.revision.config.Env)
		}
		if d.old.ImageID != d.image.ID {
			change.Fields = append(change.Fields, Field{Path: "image ID", Old: d.old.ImageID, New: cmp.Or(d.image.ID, "to be made")})
		}
		if len(d.old.Fields) > 0 { // other tools' containers have none
			for _, f := range stack.Diff(d.old.Fields, fields) {
				change.Fields = append(change.Fields, change.masked(f, labels))
			}
		}
		for _, f := range d.derivedDiff(*d.old) {
			change.Fields = append(change.Fields, Field(f))
		}
	}
	return change, nil
}

// masked puts the values of labels and variables, which the fields hold as hashes only, in their place, without secrets.
func (c *Change) masked(f stack.ChangedField, labels map[string]string) Field {
	field := Field{Path: f.Path, Old: mask.Text(f.Old), New: mask.Text(f.New)}
	switch kind, name, _ := strings.Cut(f.Path, "."); kind {
	case "labels":
		field.Old, field.New = setting(name, c.old.Labels[name], f.Old), setting(name, labels[name], f.New)
	case "environment":
		value := ""
		if v := c.environment[name]; v != nil {
			value = *v
		}
		field.New = setting(name, value, f.New)
	case "command", "entrypoint", "healthcheck":
		field.Old, field.New = mask.Command(strings.Fields(f.Old)), mask.Command(strings.Fields(f.New))
	}
	return field
}

// setting is a value without its secrets; "" where there was none.
func setting(name, value, hashed string) string {
	if hashed == "" {
		return ""
	}
	return mask.Setting(name, value)
}

// Describe looks up the old values of the variables that change: a list of containers does not have them.
func (p *Plan) Describe(ctx context.Context, r Reader) error {
	for _, change := range p.Changes {
		if !slices.ContainsFunc(change.Fields, func(f Field) bool { return strings.HasPrefix(f.Path, "environment.") }) {
			continue
		}
		info, err := inspect(ctx, r, change.old.ID)
		if err != nil {
			return fmt.Errorf("inspecting container %q: %w", change.old.Name, err)
		}
		old := types.NewMapping(info.Config.Env)
		for i, f := range change.Fields {
			if name, ok := strings.CutPrefix(f.Path, "environment."); ok {
				change.Fields[i].Old = setting(name, old[name], f.Old)
			}
		}
	}
	return nil
}
