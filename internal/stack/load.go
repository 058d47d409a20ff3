package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// Options say which Compose files make the stack, and with what around them.
type Options struct {
	// Files are the user's Compose files, later ones merged over earlier ones; none means Default.
	Files []string
	// Default is the embedded stack: compose.yaml and the files that it names.
	Default fs.FS
	// WorkingDir is what relative paths are relative to when Files is empty; else it is the first file's folder.
	WorkingDir string
	// ProjectName overrides the file's `name`.
	ProjectName string
	// Environment is what `${VARIABLE}` reads; it wins over EnvFiles.
	Environment map[string]string
	// EnvFiles are read in order; none means `.env` in the working directory, if it is there.
	EnvFiles []string
	// Profiles are the profiles to enable.
	Profiles []string
}

// embeddedFile is the name by which errors call the embedded Compose file.
const embeddedFile = "compose.yaml"

// nameRule is Compose's rule for project names.
var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// Load resolves the Compose files. Its errors name the file, the line where it is known, and the key.
func Load(ctx context.Context, o Options) (*Stack, error) {
	if err := CheckProjectName(o.ProjectName); o.ProjectName != "" && err != nil {
		return nil, err
	}
	files, workingDir, err := readFiles(ctx, o)
	if err != nil {
		return nil, err
	}
	env, err := environment(o, workingDir)
	if err != nil {
		return nil, err
	}
	details := types.ConfigDetails{WorkingDir: workingDir, ConfigFiles: files, Environment: env}
	var unsupported []loader.UnsupportedAttribute
	project, err := loadProject(ctx, details, func(lo *loader.Options) {
		lo.SkipResolveEnvironment, lo.SkipResolveLabels = true, true // once their files have been looked at
		lo.ResourceLoaders = append(lo.ResourceLoaders, &guard{bases: []string{workingDir}})
		lo.SetProjectName(defaultName(o, workingDir), o.ProjectName != "")
		lo.Profiles = profiles(o.Profiles, env)
		lo.ResolvePaths = true
		// Compiling the specification's JSON schema takes longer than all else; a test validates the embedded file.
		lo.SkipValidation = len(o.Files) == 0
		loader.WithSupportedAttributes(supported(), func(found []loader.UnsupportedAttribute) { unsupported = found })(lo)
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, explain(files, err)
	}
	if len(unsupported) > 0 {
		return nil, unsupportedError(files, unsupported)
	}
	// Docker compose hashes what env_file brings in, not where it came from.
	if err := checkEnvFiles(files, project.Services); err != nil {
		return nil, err
	}
	project, err = within(ctx, func() (*types.Project, error) {
		resolved, err := project.WithServicesEnvironmentResolved(true)
		if err != nil {
			return nil, err
		}
		return resolved.WithServicesLabelsResolved(false)
	})
	if err != nil {
		return nil, explain(files, err)
	}
	s := &Stack{Project: project, Embedded: len(o.Files) == 0, Context: os.DirFS(workingDir)}
	if s.Embedded {
		s.Context = o.Default
	} else {
		for _, file := range files {
			project.ComposeFiles = append(project.ComposeFiles, file.Filename)
		}
	}
	return s, s.finish(ctx, o, files)
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

// loadProject resolves the files; those that compose-go reads by itself may be on a file system that does not answer.
func loadProject(ctx context.Context, details types.ConfigDetails, options func(*loader.Options)) (*types.Project, error) {
	return within(ctx, func() (*types.Project, error) { return loader.LoadWithContext(ctx, details, options) })
}

func readFiles(ctx context.Context, o Options) (files []types.ConfigFile, workingDir string, err error) {
	if len(o.Files) == 0 {
		content, err := fs.ReadFile(o.Default, embeddedFile)
		if err != nil {
			return nil, "", fmt.Errorf("reading the embedded stack: %w", err)
		}
		return []types.ConfigFile{{Filename: embeddedFile, Content: content}}, o.WorkingDir, nil
	}
	for _, name := range o.Files {
		content, err := ReadFile(ctx, name, composeLimit)
		if err != nil {
			return nil, "", fmt.Errorf("reading Compose file: %w", err)
		}
		abs, err := filepath.Abs(name)
		if err != nil {
			return nil, "", fmt.Errorf("finding Compose file %q: %w", name, err)
		}
		if err := checkIncludes(content, filepath.Dir(abs)); err != nil {
			return nil, "", fmt.Errorf("reading Compose file %q: %w", name, err)
		}
		files = append(files, types.ConfigFile{Filename: abs, Content: content})
	}
	return files, filepath.Dir(files[0].Filename), nil
}

// environment merges the env files under the given environment.
func environment(o Options, workingDir string) (types.Mapping, error) {
	names := o.EnvFiles
	if len(names) == 0 {
		standard := filepath.Join(workingDir, ".env")
		if _, err := os.Stat(standard); err == nil && len(o.Files) > 0 {
			names = []string{standard}
		}
	}
	for _, name := range names {
		if err := CheckFile(name, composeLimit); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading env file: %w", err)
		}
	}
	env, err := dotenv.GetEnvFromFile(o.Environment, names)
	if err != nil {
		return nil, fmt.Errorf("reading env file: %w", err)
	}
	maps.Copy(env, o.Environment)
	return env, nil
}

func profiles(flags []string, env types.Mapping) []string {
	if len(flags) > 0 || env["COMPOSE_PROFILES"] == "" {
		return flags
	}
	return strings.Split(env["COMPOSE_PROFILES"], ",")
}

// defaultName is the project's name when neither a flag nor the file gives one: the folder's, as Compose has it.
func defaultName(o Options, workingDir string) string {
	if o.ProjectName != "" {
		return o.ProjectName
	}
	return loader.NormalizeProjectName(filepath.Base(workingDir))
}
