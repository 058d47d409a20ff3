package project

import (
	"context"
	"slices"
	"strconv"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

// DownOptions say what Down removes in addition to containers and networks.
type DownOptions struct {
	Volumes       bool
	RemoveOrphans bool // with the user's own Compose files: also containers of other services
	Images        planner.RemoveImages
	Grace         *time.Duration // nil is each container's own grace period
}

// Down stops and removes everything with the project's label. It returns the command that brings the embedded stack back as it was, or ""
// if a plain `up` does.
func (p *Project) Down(ctx context.Context, o DownOptions) (Result, string, error) {
	var was *observe.Observed // what the first look saw
	var port string
	result, err := p.change(ctx, nil, func() (*steps.Plan, error) {
		embedded, err := p.Files.Embedded(ctx)
		if err != nil {
			return nil, err
		}
		leave := func(observed *observe.Observed) []string {
			if was == nil {
				was = observed
				port, _ = observe.EntrancePort(ctx, p.Engine, observed) // only for the command that is returned
			}
			return nil
		}
		if !embedded && !o.RemoveOrphans {
			s, err := p.Files.Read(ctx, stack.Settings{})
			if err != nil {
				return nil, err
			}
			leave = func(observed *observe.Observed) []string { return observed.KeepServices(s.Project.ServiceNames()) }
		}
		return orchestrate.Down(ctx, p.Engine, p.Name, leave, planner.DownOptions{Volumes: o.Volumes, Images: o.Images, Grace: o.Grace}, p.Sink)
	})
	if err != nil || was == nil {
		return result, "", err
	}
	return result, p.restoreCommand(ctx, was, port), nil
}

// defaultName is the project's default name.
const defaultName = "stackctl"

// restoreCommand returns the command that brings the embedded stack back as it was, or "" if `stackctl up` does.
func (p *Project) restoreCommand(ctx context.Context, was *observe.Observed, port string) string {
	had, _ := kept.Settings(was)
	s, err := p.Files.Read(ctx, had)
	if err != nil || !s.Embedded || !slices.Equal(madeFrom(was), []string{embeddedFiles}) {
		return ""
	}
	flags := ""
	if port != "" && port != publishedPort(s) {
		flags += " --port " + port
	}
	if features, err := s.Features(); err == nil {
		for _, flag := range had.Flags(features) {
			flags += " " + flag
		}
	}
	for _, name := range s.Project.ServiceNames() {
		if n := was.Number(name); n > 0 && n != stack.Replicas(s.Project.Services[name]) {
			flags += " --scale " + name + "=" + strconv.Itoa(n)
		}
	}
	switch {
	case flags == "":
		return ""
	case p.Name != defaultName:
		return "stackctl -p " + p.Name + " up" + flags
	}
	return "stackctl up" + flags
}
