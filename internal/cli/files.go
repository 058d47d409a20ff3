package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/termtext"
)

// Load resolves what the named services and those that they depend on need, without names all of the Compose files.
func (a *App) Load(ctx context.Context, chosen stack.Settings, services ...string) (*stack.Stack, error) {
	s, err := a.ReadWith(ctx, chosen)
	if err != nil {
		return nil, err
	}
	s, err = s.Select(ctx, services)
	a.remark(s)
	return s, err
}

// Kept is what was chosen of the embedded stack that runs.
func (a *App) Kept(ctx context.Context, project string) (stack.Settings, error) {
	eng, err := a.Connect(ctx)
	if err != nil {
		return stack.Settings{}, err
	}
	defer eng.Close()
	return kept.LoadSettings(ctx, eng, project)
}

// Read parses the Compose files: enough to choose services, whose own files are read then.
func (a *App) Read(ctx context.Context) (*stack.Stack, error) {
	return a.ReadWith(ctx, stack.Settings{})
}

// ReadWith is Read with chosen features, and variables that win over the environment.
func (a *App) ReadWith(ctx context.Context, chosen stack.Settings) (*stack.Stack, error) {
	options, err := a.composeOptions(chosen.Variables)
	if err != nil {
		return nil, err
	}
	options.With = chosen.With
	s, err := stack.Read(ctx, options)
	a.remark(s)
	return s, err
}

// remark tells each of the parser's warnings once, however often the files are read.
func (a *App) remark(s *stack.Stack) {
	if s == nil {
		return
	}
	for _, warning := range s.Warnings {
		if _, told := a.remarked.LoadOrStore(warning, true); told {
			continue
		}
		if a.Remarks == nil {
			a.Tell("warning: " + termtext.Safe(warning))
			continue
		}
		select {
		case a.Remarks <- termtext.Safe(warning):
		default: // more than anybody reads
		}
	}
}

// Muted is the same without messages: for completion, and for the dashboard, whose screen they would end up on.
func (a *App) Muted() *App {
	quiet := *a
	quiet.Progress = progress.Quiet
	return &quiet
}

func (a *App) composeOptions(extra map[string]string) (stack.Options, error) {
	dir, err := os.Getwd()
	if err != nil {
		return stack.Options{}, fmt.Errorf("finding the current folder: %w", err)
	}
	env := map[string]string{}
	for _, entry := range os.Environ() {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	maps.Copy(env, extra)
	return stack.Options{
		Files: a.Files, Default: assets.FS, WorkingDir: dir, ProjectName: a.ExplicitName(),
		Environment: env, EnvFiles: a.envFiles, Profiles: a.profiles,
	}, nil
}

// Embedded reports whether the user names no Compose file, in whatever way.
func (a *App) Embedded(ctx context.Context) (bool, error) {
	options, err := a.composeOptions(nil)
	if err == nil {
		options, err = options.Located(ctx)
	}
	return len(options.Files) == 0, err
}

// ExplicitName is the project's name that a flag or the environment gives, or "".
func (a *App) ExplicitName() string {
	if a.Project != "" {
		return a.Project
	}
	return os.Getenv("COMPOSE_PROJECT_NAME")
}

// ProjectName is the project that the commands mean which work from labels alone: a Compose file is read only if the
// user names one.
func (a *App) ProjectName(ctx context.Context) (string, error) {
	if name := a.ExplicitName(); name != "" {
		return name, stack.CheckProjectName(name)
	}
	if embedded, err := a.Embedded(ctx); err != nil || embedded {
		return defaultProject, err
	}
	s, err := a.Read(ctx)
	if err != nil {
		return "", err
	}
	return s.Project.Name, nil
}

// ComposeFiles are those that the flags and the environment name.
func (a *App) ComposeFiles() project.Files { return composeFiles{a} }

// composeFiles are the Compose files that the flags and the environment name.
type composeFiles struct{ *App }

func (f composeFiles) Read(ctx context.Context, chosen stack.Settings) (*stack.Stack, error) {
	return f.ReadWith(ctx, chosen)
}

func (f composeFiles) Embedded(ctx context.Context) (bool, error) { return f.App.Embedded(ctx) }

// Meant are the services that a command is about, as docker compose has it: with Compose files of the user's own those that are named,
// which the files must have, else all of the files, although the project may have others. Without such files, and for a project that
// is named with --project-name alone, labels say what there is: declared is false.
func (a *App) Meant(ctx context.Context, named []string) (services []string, declared bool, err error) {
	if len(a.Files) == 0 && a.Project != "" {
		return named, false, nil
	}
	if embedded, err := a.Embedded(ctx); err != nil || embedded {
		return named, false, err
	}
	s, err := a.Read(ctx)
	if err != nil {
		return nil, false, err
	}
	if len(named) == 0 {
		return s.Project.ServiceNames(), true, nil
	}
	_, err = s.Named(named)
	return named, true, err
}

// CheckNamed is meant for the commands that show all containers of the project where no service is named.
func (a *App) CheckNamed(ctx context.Context, services []string) (declared bool, err error) {
	if len(services) > 0 {
		_, declared, err = a.Meant(ctx, services)
	}
	return declared, err
}
