package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/stack"
	"stackctl.dev/stackctl/internal/termtext"
)

// defaultProject is the project's name when neither a flag, a variable nor the Compose file says otherwise.
const defaultProject = "stackctl"

// app is what every command shares: streams and the global flags.
type app struct {
	*streams
	project  string
	files    []string
	envFiles []string
	profiles []string
	target   engine.Target
	progress string
	remarked *sync.Map     // the parser's warnings that were told
	remarks  chan<- string // takes them where a dashboard shows them; nil is standard error
}

func newRoot(s *streams) *cobra.Command {
	a := &app{streams: s, remarked: &sync.Map{}}
	root := &cobra.Command{
		Use:   "stackctl",
		Short: "Run, watch and change a small stack on a Docker Engine",
		Long: "stackctl builds, starts, watches, repairs and removes a three-tier stack (nginx, a Go web tier, Redis) through the " +
			"Docker Engine API.\nThe stack is a Compose file: the embedded one, or yours with --file.",
		Example: "stackctl up                   # start the stack, wait until it answers, print its URL\n" +
			"stackctl logs -f              # follow all tiers, merged in time order\n" +
			"stackctl -p test up --port 8080   # another copy beside it",
		SilenceErrors: true, SilenceUsage: true,
		// As in Compose, -f before the verb is the file; after `logs` it means follow.
		TraverseChildren: true,
		Args:             cobra.NoArgs,
		RunE:             func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.In)
	root.SetOut(raw(s.Out))
	root.SetErr(raw(s.Err))
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	a.addFlags(root)
	root.AddCommand(newLifecycleCmds(a)...)
	root.AddCommand(
		newWaitCmd(a), newRunCmd(a), newCreateCmd(a), newLsCmd(a), newTopCmd(a), newPortCmd(a), newEventsCmd(a), newStatsCmd(a), newPullCmd(a), newBuildCmd(a),
		newUpCmd(a), newPlanCmd(a), newDownCmd(a), newScaleCmd(a), newVerifyCmd(a), newRolloutCmd(a), newRollbackCmd(a), newHistoryCmd(a), newPsCmd(a), newLogsCmd(a), newExecCmd(a), newImagesCmd(a), newConfigCmd(a), newDoctorCmd(a), newDashCmd(a), newDemoCmd(a),
		newGetCmd(a), newDelCmd(a), newKeysCmd(a), newRedisCmd(a), newResetCmd(a), newVersionCmd(a), newServeCmd(a), newTunnelCmd(a), newLookupCmd(a),
	)
	return root
}

func (a *app) addFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVarP(&a.project, "project-name", "p", "", "project name (default: the Compose file's, or stackctl)")
	flags.StringArrayVarP(&a.files, "file", "f", nil, "Compose file; repeat it to merge several (default: the embedded stack)")
	flags.StringArrayVar(&a.envFiles, "env-file", nil, "file of variables for the Compose file")
	flags.StringArrayVar(&a.profiles, "profile", nil, "enable a profile of the Compose file")
	flags.StringVarP(&a.target.Context, "context", "c", "", "docker context to use")
	flags.StringVarP(&a.target.Host, "host", "H", "", "engine address, such as ssh://user@host")
	flags.StringVar(&a.progress, "progress", "auto", "progress style: auto, tty, plain, json or quiet")
	_ = root.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return without(engine.Contexts(), nil), cobra.ShellCompDirectiveNoFileComp
	})
	_ = root.RegisterFlagCompletionFunc("progress", cobra.FixedCompletions(progressStyles, cobra.ShellCompDirectiveNoFileComp))
}

// connect reaches the engine that the flags name.
func (a *app) connect(ctx context.Context) (*engine.Engine, error) {
	return engine.Connect(ctx, a.target)
}

// load resolves the Compose files, whole; extra variables win over the environment.
func (a *app) load(ctx context.Context, extra map[string]string) (*stack.Stack, error) {
	return a.loadServices(ctx, extra, nil)
}

// loadServices resolves what the named services and those that they depend on need.
func (a *app) loadServices(ctx context.Context, extra map[string]string, services []string) (*stack.Stack, error) {
	s, err := a.read(ctx, extra)
	if err != nil {
		return nil, err
	}
	s, err = s.Select(ctx, services)
	a.remark(s)
	return s, err
}

// read parses the Compose files: enough to choose services, whose own files are read then.
func (a *app) read(ctx context.Context, extra map[string]string) (*stack.Stack, error) {
	options, err := a.composeOptions(extra)
	if err != nil {
		return nil, err
	}
	s, err := stack.Read(ctx, options)
	a.remark(s)
	return s, err
}

// remark tells each of the parser's warnings once, however often the files are read.
func (a *app) remark(s *stack.Stack) {
	if s == nil {
		return
	}
	for _, warning := range s.Warnings {
		if _, told := a.remarked.LoadOrStore(warning, true); told {
			continue
		}
		if a.remarks == nil {
			a.tell("warning: " + termtext.Safe(warning))
			continue
		}
		select {
		case a.remarks <- termtext.Safe(warning):
		default: // more than anybody reads
		}
	}
}

// muted is the same without messages: for completion, and for the dashboard, whose screen they would end up on.
func (a *app) muted() *app {
	quiet := *a
	quiet.progress = "quiet"
	return &quiet
}

func (a *app) composeOptions(extra map[string]string) (stack.Options, error) {
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
		Files: a.files, Default: assets.FS, WorkingDir: dir, ProjectName: a.explicitName(),
		Environment: env, EnvFiles: a.envFiles, Profiles: a.profiles,
	}, nil
}

// embedded reports whether the user names no Compose file, in whatever way.
func (a *app) embedded(ctx context.Context) (bool, error) {
	options, err := a.composeOptions(nil)
	if err == nil {
		options, err = options.Located(ctx)
	}
	return len(options.Files) == 0, err
}

func (a *app) explicitName() string {
	if a.project != "" {
		return a.project
	}
	return os.Getenv("COMPOSE_PROJECT_NAME")
}

// projectName is the project that the commands mean which work from labels alone: a Compose file is read only if the
// user names one.
func (a *app) projectName(ctx context.Context) (string, error) {
	if name := a.explicitName(); name != "" {
		return name, stack.CheckProjectName(name)
	}
	if embedded, err := a.embedded(ctx); err != nil || embedded {
		return defaultProject, err
	}
	s, err := a.read(ctx, nil)
	if err != nil {
		return "", err
	}
	return s.Project.Name, nil
}

// open reaches the engine, for the commands that work from the labels of a project.
func (a *app) open(ctx context.Context) (eng *engine.Engine, project string, err error) {
	if project, err = a.projectName(ctx); err != nil {
		return nil, "", err
	}
	eng, err = a.connect(ctx)
	return eng, project, err
}

// imageOptions are the defaults of everything that looks for images.
func imageOptions() images.Options {
	roots := filepath.SplitList(os.Getenv("STACKCTL_HOST_ROOT"))
	if cache, err := os.UserCacheDir(); err == nil && len(roots) == 0 {
		roots = []string{filepath.Join(cache, "stackctl", "host")}
	}
	binary := os.Getenv("STACKCTL_WEB_BINARY")
	digest := sync.OnceValues(func() (string, error) { return images.DigestBinary(binary) })
	return images.Options{HostRoots: roots, Binary: binary, BinaryDigest: digest}
}

// usageError marks a wrong use of the command line: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usage makes an argument check report wrong usage.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
		}
		return nil
	}
}

// oneOf checks a flag that takes one of a few words.
func oneOf(flag, value string, allowed ...string) error {
	for _, word := range allowed {
		if value == word {
			return nil
		}
	}
	return usageError{fmt.Errorf("checking --%s %q: use %s", flag, value, strings.Join(allowed, ", "))}
}

var errSilent = errors.New("already reported")
