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

// Options say which Compose files make the stack, and with what around them.
type Options struct {
	// Files are the user's Compose files, later ones merged over earlier ones, `-` for standard input; none means those of
	// COMPOSE_FILE, and without it Default.
	Files []string
	// Default is the embedded stack: compose.yaml and the files that it names.
	Default fs.FS
	// WorkingDir is what relative paths are relative to when Files is empty; else it is the first file's folder.
	WorkingDir string
	// ProjectName overrides COMPOSE_PROJECT_NAME and the file's `name`.
	ProjectName string
	// Environment is what `${VARIABLE}` reads; it wins over EnvFiles. The variables that docker compose reads are in it too.
	Environment map[string]string
	// EnvFiles are read in order; none means those of COMPOSE_ENV_FILES, and without it `.env` beside the first Compose file, if
	// it is there.
	EnvFiles []string
	// Profiles are the profiles to enable; none means those of COMPOSE_PROFILES.
	Profiles []string
}

// embeddedFile is the name by which errors call the embedded Compose file.
const embeddedFile = "compose.yaml"

// standardInput is the name that stands for it among Files, as in docker compose; its folder is the working directory.
const standardInput = "-"

// nameRule is Compose's rule for project names.
var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// Load resolves the Compose files. Its errors name the file, the line where it is known, and the key.
func Load(ctx context.Context, o Options) (*Stack, error) {
	s, err := Read(ctx, o)
	if err != nil {
		return nil, err
	}
	return s.Select(ctx, nil)
}

// Read parses the Compose files alone: what they name beside themselves (env files, configs, secrets) is read by Select and Only,
// for the services that are chosen.
func Read(ctx context.Context, o Options) (*Stack, error) {
	if err := CheckProjectName(o.ProjectName); o.ProjectName != "" && err != nil {
		return nil, err
	}
	o, env, err := o.surroundings(ctx)
	if err != nil {
		return nil, err
	}
	files, workingDir, err := readFiles(ctx, o, env)
	if err != nil {
		return nil, err
	}
	details := types.ConfigDetails{WorkingDir: workingDir, ConfigFiles: files, Environment: env}
	var unsupported []loader.UnsupportedAttribute
	resolve := func(lo *loader.Options) {
		lo.SkipResolveEnvironment, lo.SkipResolveLabels = true, true // once the services are chosen
		lo.ResourceLoaders = append(lo.ResourceLoaders, &guard{bases: []string{workingDir}, env: env})
		lo.SetProjectName(defaultName(o, workingDir), o.ProjectName != "")
		lo.Profiles = profiles(o.Profiles, env)
		lo.ResolvePaths = true
		// Compiling the specification's JSON schema takes longer than all else; a test validates the embedded file.
		lo.SkipValidation = len(o.Files) == 0
		loader.WithSupportedAttributes(Supported(), func(found []loader.UnsupportedAttribute) { unsupported = found })(lo)
	}
	project, warnings, err := parsed(ctx, func() (*types.Project, error) { return loader.LoadWithContext(ctx, details, resolve) })
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, explain(files, err)
	}
	if len(unsupported) > 0 {
		return nil, unsupportedError(files, unsupported)
	}
	s := &Stack{Project: project, Embedded: len(o.Files) == 0, Context: os.DirFS(workingDir), Warnings: warnings, options: o, files: files}
	if s.Embedded {
		s.Context = o.Default
	} else {
		for i, file := range files {
			if o.Files[i] == standardInput {
				file.Filename = standardInput
			}
			project.ComposeFiles = append(project.ComposeFiles, file.Filename)
		}
	}
	return s, s.finish(ctx)
}

// CheckProjectName says what is wrong with a project name, or nil.
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

// defaultName is the project's name when neither a flag nor the file gives one: the folder's, as Compose has it.
func defaultName(o Options, workingDir string) string {
	if o.ProjectName != "" {
		return o.ProjectName
	}
	return loader.NormalizeProjectName(filepath.Base(workingDir))
}
