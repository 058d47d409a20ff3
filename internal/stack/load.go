package stack

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// Options say which Compose files make the stack, and in which environment they are read.
type Options struct {
	// Files are the user's Compose files, later ones merged over earlier ones, `-` for standard input. If there are none, those
	// of COMPOSE_FILE are used, and without it Default.
	Files []string
	// Default is the embedded stack: compose.yaml and the files that it names.
	Default fs.FS
	// WorkingDir is what relative paths are relative to when Files is empty; else it is the first file's folder.
	WorkingDir string
	// ProjectName overrides COMPOSE_PROJECT_NAME and the file's `name`.
	ProjectName string
	// Environment is what `${VARIABLE}` reads; it wins over EnvFiles. The variables that docker compose reads are in it too.
	Environment map[string]string
	// EnvFiles are read in order. If there are none, those of COMPOSE_ENV_FILES are used, and without it a `.env` beside the
	// first Compose file, if it exists.
	EnvFiles []string
	// With are the features of the embedded stack that are on; nil are those that are by default. See Features.
	With []string
	// Profiles are the profiles to enable. If there are none, those of COMPOSE_PROFILES are used.
	Profiles []string
}

// embeddedFile is the name by which errors call the embedded Compose file.
const embeddedFile = "compose.yaml"

// standardInput is the name of standard input among Files, as in docker compose; its folder is the working directory.
const standardInput = "-"

// nameRule is Compose's rule for project names.
var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// Read parses the Compose files. The files that services refer to (env files, configs, secrets) are read by Select and Only, for
// the selected services. Errors name the file, the key and, where it is known, the line.
func Read(ctx context.Context, o Options) (*Stack, error) {
	if err := CheckProjectName(o.ProjectName); o.ProjectName != "" && err != nil {
		return nil, err
	}
	o, env, err := o.resolveEnvironment(ctx)
	if err != nil {
		return nil, err
	}
	files, workingDir, err := readFiles(ctx, o, env)
	if err != nil {
		return nil, err
	}
	with, err := o.featuresOf(files)
	if err != nil {
		return nil, err
	}
	added, err := overlays(o.Default, with)
	if err != nil {
		return nil, err
	}
	files = append(files, added...)
	details := types.ConfigDetails{WorkingDir: workingDir, ConfigFiles: files, Environment: env}
	var unsupported []loader.UnsupportedAttribute
	resolve := func(lo *loader.Options) {
		lo.SkipResolveEnvironment, lo.SkipResolveLabels = true, true // done once the services are selected
		lo.ResourceLoaders = append(lo.ResourceLoaders, &guard{bases: []string{workingDir}, env: env})
		lo.SetProjectName(defaultName(o, workingDir), o.ProjectName != "")
		lo.Profiles = profiles(o.Profiles, env)
		lo.ResolvePaths = true
		// Compiling the specification's JSON schema takes longer than everything else; a test validates the embedded file.
		lo.SkipValidation = len(o.Files) == 0
		loader.WithSupportedAttributes(Supported(), func(found []loader.UnsupportedAttribute) { unsupported = found })(lo)
	}
	project, warnings, err := collectWarnings(ctx, func() (*types.Project, error) { return loader.LoadWithContext(ctx, details, resolve) })
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, explain(files, err)
	}
	if len(unsupported) > 0 {
		return nil, unsupportedError(files, unsupported)
	}
	s := &Stack{Project: project, Embedded: len(o.Files) == 0, Context: os.DirFS(workingDir), Warnings: warnings, With: with, options: o, files: files}
	if s.Embedded {
		s.Context = o.Default
	} else {
		for i, file := range files[:len(o.Files)] {
			if o.Files[i] == standardInput {
				file.Filename = standardInput
			}
			project.ComposeFiles = append(project.ComposeFiles, file.Filename)
		}
	}
	return s, s.finish(ctx)
}

// CheckProjectName returns an error that says what is wrong with a project name and suggests a valid one.
func CheckProjectName(name string) error {
	if nameRule.MatchString(name) {
		return nil
	}
	hint := ""
	if better := loader.NormalizeProjectName(name); better != "" {
		hint = fmt.Sprintf("; for example %q", better)
	}
	return fmt.Errorf("checking project name %q: use lower-case letters, digits, - and _, beginning with a letter or digit%s", name, hint)
}

func readFiles(ctx context.Context, o Options, env types.Mapping) (files []types.ConfigFile, workingDir string, err error) {
	if len(o.Files) == 0 {
		content, err := fs.ReadFile(o.Default, embeddedFile)
		if err != nil {
			return nil, "", fmt.Errorf("reading the embedded stack: %w", err)
		}
		return []types.ConfigFile{{Filename: embeddedFile, Content: content}}, o.WorkingDir, nil
	}
	for _, name := range o.Files {
		path := name
		if name == standardInput {
			path = "/dev/stdin"
		}
		content, err := ReadFile(ctx, path, composeLimit)
		if err != nil {
			return nil, "", fmt.Errorf("reading Compose file: %w", err)
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			return nil, "", fmt.Errorf("finding Compose file %q: %w", name, err)
		}
		if err := checkIncludes(content, filepath.Dir(abs), env); err != nil {
			return nil, "", fmt.Errorf("reading Compose file %q: %w", name, err)
		}
		files = append(files, types.ConfigFile{Filename: abs, Content: content})
	}
	return files, filepath.Dir(files[0].Filename), nil
}

// defaultName returns the project's name for when neither a flag nor the file gives one: the folder's, as in docker compose.
func defaultName(o Options, workingDir string) string {
	if o.ProjectName != "" {
		return o.ProjectName
	}
	return loader.NormalizeProjectName(filepath.Base(workingDir))
}
