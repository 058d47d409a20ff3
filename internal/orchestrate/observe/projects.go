package observe

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// ProjectSummary is a project as the labels of its containers have it.
type ProjectSummary struct {
	Name   string
	Files  string         // its Compose files, separated by commas; "" for the embedded stack
	States map[string]int // how many containers are in each state, by the engine's word
}

// Projects lists the projects that have containers, sorted by name: running ones, or all.
func Projects(ctx context.Context, r Reader, all bool) ([]ProjectSummary, error) {
	list, err := r.ContainerList(ctx, container.ListOptions{All: all, Filters: filters.NewArgs(filters.Arg("label", label.Project))})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	found := map[string]ProjectSummary{}
	for _, c := range list {
		if c.Labels[label.Helper] != "" {
			continue
		}
		name := c.Labels[label.Project]
		p := found[name]
		if p.States == nil {
			p = ProjectSummary{Name: name, States: map[string]int{}}
		}
		p.States[c.State]++
		p.Files = max(p.Files, c.Labels[label.ConfigFiles])
		found[name] = p
	}
	var projects []ProjectSummary
	for _, name := range slices.Sorted(maps.Keys(found)) {
		projects = append(projects, found[name])
	}
	return projects, nil
}
