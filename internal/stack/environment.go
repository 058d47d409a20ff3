package stack

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
)

// envFilesVariable lists env files, separated by commas.
const envFilesVariable = "COMPOSE_ENV_FILES"

// Located returns the options with the Compose files to use: those given, else those of COMPOSE_FILE in the environment or in a
// `.env`. Without any, the embedded stack is used.
func (o Options) Located(ctx context.Context) (Options, error) {
	located, _, err := o.resolveEnvironment(ctx)
	return located, err
}

// resolveEnvironment finds the Compose files and the variables for `${VARIABLE}`, in docker compose's order: the environment wins over env
// files; a `.env` in the working directory may name the Compose files; one beside the first of these is read too. The embedded
// stack reads no `.env`: the one in the current folder belongs to something else.
func (o Options) resolveEnvironment(ctx context.Context) (Options, types.Mapping, error) {
	env := types.Mapping(maps.Clone(o.Environment))
	if env == nil {
		env = types.Mapping{}
	}
	explicit := o.EnvFiles
	if len(explicit) == 0 && env[envFilesVariable] != "" {
		explicit = strings.Split(env[envFilesVariable], ",")
	}
	given := len(o.Files) > 0
	if !given {
		found, err := o.mergeEnvFiles(ctx, env, explicit, o.WorkingDir)
		if o.Files = composeFiles(found); len(o.Files) == 0 && len(explicit) == 0 {
			return o, env, nil
		}
		if err != nil {
			return o, nil, err
		}
		env = found
	}
	if len(o.Files) > 0 && (given || len(explicit) == 0) {
		found, err := o.mergeEnvFiles(ctx, env, explicit, filepath.Dir(o.Files[0]))
		if err != nil {
			return o, nil, err
		}
		env = found
	}
	if o.ProjectName == "" && len(o.Files) > 0 {
		o.ProjectName = env[consts.ComposeProjectName]
	}
	if o.ProjectName != "" {
		return o, env, CheckProjectName(o.ProjectName)
	}
	return o, env, nil
}

// defaultEnvFile is read when no env file is named, unless it is a folder, such as a Python environment.
const defaultEnvFile = ".env"

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// mergeEnvFiles adds the variables of the explicit env files, or else of the folder's `.env`, that env lacks. With an error it still
// returns env.
func (o Options) mergeEnvFiles(ctx context.Context, env types.Mapping, explicit []string, dir string) (types.Mapping, error) {
	merged := maps.Clone(env)
	names := explicit
	if disabled, _ := strconv.ParseBool(env[consts.ComposeDisableDefaultEnvFile]); len(names) == 0 && !disabled {
		standard := filepath.Join(dir, defaultEnvFile)
		if _, err := os.Stat(standard); err == nil && !isFolder(standard) {
			names = []string{standard}
		}
	}
	for _, name := range names {
		if err := checkIfExists(name); err != nil {
			return merged, fmt.Errorf("reading env file: %w", err)
		}
	}
	found, err := within(ctx, func() (map[string]string, error) { return dotenv.GetEnvFromFile(env, names) })
	if err != nil {
		return merged, fmt.Errorf("reading env file: %w", err)
	}
	return merged.Merge(found), nil
}

// composeFiles returns the files that COMPOSE_FILE lists.
func composeFiles(env types.Mapping) []string {
	separator := env[consts.ComposePathSeparator]
	if separator == "" {
		separator = string(os.PathListSeparator)
	}
	return slices.DeleteFunc(strings.Split(env[consts.ComposeFilePath], separator), func(name string) bool { return name == "" })
}

func profiles(flags []string, env types.Mapping) []string {
	if len(flags) > 0 || env[consts.ComposeProfiles] == "" {
		return flags
	}
	names := strings.Split(env[consts.ComposeProfiles], ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	return names
}
