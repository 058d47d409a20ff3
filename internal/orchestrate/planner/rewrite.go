package planner

import (
	"fmt"
	"slices"

	"stackctl.dev/stackctl/internal/orchestrate/configs"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// Rewrite plans the writing of some files of services into their containers that are alive, for programs that read them again without a
// signal. The paths are those in the services' containers.
func Rewrite(s *stack.Stack, o *observe.Observed, paths map[string][]string, cause string) (*steps.Plan, error) {
	p := newPlanner(s, o, nil, Options{})
	order, err := p.serviceOrder()
	if err != nil {
		return nil, err
	}
	for _, name := range order {
		for _, c := range o.Of(name) {
			if !c.Alive() || len(paths[name]) == 0 {
				continue
			}
			d := decision{replica: replica{stack: s, service: s.Project.Services[name], number: c.Number}, old: &c}
			files := slices.DeleteFunc(p.staticFiles(d), func(f configs.File) bool { return !slices.Contains(paths[name], f.Path) })
			written, mounted := d.split(files)
			if len(mounted) > 0 {
				return nil, fmt.Errorf("writing %q into container %q: it lies in a volume or tmpfs of the service, where it cannot be changed while its program runs; give it a target outside of them", mounted[0].Path, c.Name)
			}
			p.writeGroups(d, written, steps.Written, cause, nil)
		}
	}
	return p.plan, nil
}
