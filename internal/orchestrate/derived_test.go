package orchestrate_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
)

// notCompared are the labels that may be wrong on a container that stays, and why.
var notCompared = map[string]string{
	label.Image:       "the container's image itself is compared",
	label.WorkingDir:  "the folder may move, and the container stays the same",
	label.ConfigFiles: "as the folder; a command that needs the same files looks at it",
	label.Version:     "who made it changes nothing about it",
	label.Fields:      "it puts the hash into words; without it, another tool made the container",
	label.OneOff:      "only what is not one-off is looked for: any other value makes it no replica",
}

// Every name that is written is compared, but those that notCompared gives a reason for.
func TestEveryLabelIsCompared(t *testing.T) {
	user := compose(t, `
configs: {c: {content: x}}
services:
  a: {image: a, read_only: true, depends_on: [b], configs: [{source: c, target: /etc/a/c}], labels: {mine: x}}
  b: {image: b}
`)
	w := newWorld(t, embedded(t))
	for _, s := range []*world{w, newWorld(t, user)} {
		s.up()
		seen := map[string]bool{}
		observed, err := observe.Project(t.Context(), s, s.stack.Project.Name)
		s.check(err)
		for _, c := range observed.Containers {
			for name, value := range maps.Clone(c.Labels) {
				if notCompared[name] != "" || seen[c.Service+name] || !strings.HasPrefix(name, "com.docker.compose.") && !strings.HasPrefix(name, "dev.stackctl.") {
					continue
				}
				seen[c.Service+name] = true
				for _, wrong := range []string{"", "7"} {
					if wrong == value || wrong == "" && name == label.ContainerNumber { // which is 1 then
						continue
					}
					s.SetLabel(c.Name, name, wrong)
					plan, _, err := orchestrate.Prepare(t.Context(), s, s.stack, s.images, planner.Options{Notice: notice, RemoveOrphans: true})
					if err == nil && plan.Empty() { // with another project's name, it is an error
						t.Errorf("%s: name %s is %q instead of %q, and the plan is\n%v", c.Name, name, wrong, value, plan)
					}
				}
				s.SetLabel(c.Name, name, value)
			}
		}
		s.settled()
	}
}

// A change of one service alone writes the labels that a change of all writes.
func TestAPartWritesTheLabelsOfTheWhole(t *testing.T) {
	whole := compose(t, `
services:
  a: {image: a, depends_on: {b: {condition: service_healthy, restart: true}, c: {condition: service_started, required: false}}}
  b: {image: b, healthcheck: {test: [CMD, check]}}
  c: {image: c, profiles: [more]}
`)
	w := newWorld(t, whole)
	w.up()
	labels := func() map[string]string {
		observed, err := observe.Project(t.Context(), w, "p")
		w.check(err)
		i := slices.IndexFunc(observed.Containers, func(c observe.Container) bool { return c.Service == "a" })
		return observed.Containers[i].Labels
	}
	before := labels()
	part, err := whole.Only(t.Context(), []string{"a"})
	w.check(err)
	w.use(part)
	w.up(planner.Options{Notice: notice, ForceRecreate: true})
	if after := labels(); !maps.Equal(before, after) || after[label.DependsOn] != "b:service_healthy:true,c:service_started:false" {
		t.Errorf("before: %v\nafter:  %v", before, after)
	}
	w.use(whole)
	w.settled()
}
