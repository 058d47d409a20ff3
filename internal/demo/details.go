package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
)

// Details describes one container for people, as watch.Inspect does.
func (s *Stack) Details(_ context.Context, id string) (watch.Details, error) {
	u, err := s.find(id)
	if err != nil {
		return watch.Details{}, err
	}
	s.mu.Lock()
	c, lost := u.Container, s.lost
	s.mu.Unlock()
	if lost != nil {
		return watch.Details{}, lost
	}
	d := watch.Details{Name: c.Name}
	section := func(title string, rows ...watch.Row) {
		rows = slices.DeleteFunc(rows, func(r watch.Row) bool { return r.Value == "" })
		if len(rows) > 0 {
			d.Sections = append(d.Sections, watch.Section{Title: title, Rows: rows})
		}
	}
	exit := ""
	if c.State == "exited" {
		exit = fmt.Sprint(c.ExitCode)
	}
	section("container",
		watch.Row{Name: "image", Value: c.Image + ": no container, a part of `stackctl demo`"}, watch.Row{Name: "id", Value: c.ID[:12]},
		watch.Row{Name: "created", Value: stamp(c.Created)}, watch.Row{Name: "started", Value: stamp(c.StartedAt)},
		watch.Row{Name: "finished", Value: stamp(c.FinishedAt)}, watch.Row{Name: "state", Value: c.State}, watch.Row{Name: "exit code", Value: exit},
		watch.Row{Name: "restart policy", Value: "no"})
	section("health", watch.Row{Name: "status", Value: c.Health})
	section("networks", watch.Row{Name: Project + "_default", Value: c.Addresses[Project+"_default"].String() + ", in the access log only"})
	section("ports", watch.Row{Name: "published", Value: strings.Join(c.PortText(), ", ")})
	if c.Service == Web {
		section("environment", watch.Row{Name: "REDIS_HOST", Value: Redis}, watch.Row{Name: "REDIS_PORT", Value: fmt.Sprint(storePort)})
	}
	return d, nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}
