// Package cli is what every command shares: the global flags, the way to the Compose files and to the engine, what is told and asked,
// and the forms of flags, tables and errors.
package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"stackctl.dev/stackctl/internal/history"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/progress"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/terminal"
)

// defaultProject is the project's name when neither a flag, a variable nor the Compose file says otherwise.
const defaultProject = "stackctl"

// App is what every command shares: streams and the global flags.
type App struct {
	*terminal.Streams
	Project  string   // as --project-name says
	Files    []string // as --file says
	Target   engine.Target
	Progress progress.Style
	Yes      bool                  // nobody is asked
	Images   func() images.Options // where images come from
	Remarks  chan<- string         // takes the parser's warnings where a dashboard shows them; nil is standard error

	envFiles []string
	profiles []string
	remarked *sync.Map // the parser's warnings that were told
}

// New is what the commands of a program share; limit bounds a call to the engine, see engine.Target.
func New(s *terminal.Streams, limit time.Duration) *App {
	return &App{Streams: s, Target: engine.Target{Limit: limit}, remarked: &sync.Map{}, Images: sync.OnceValue(imageOptions)}
}

// LongLived lets the garbage collector work as Go has it by default, for what stays: see main.
func LongLived() { debug.SetGCPercent(100) }

// AddFlags adds the global flags.
func (a *App) AddFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVarP(&a.Project, "project-name", "p", "", "project name (default: the Compose file's, or stackctl)")
	flags.StringArrayVarP(&a.Files, "file", "f", nil, "Compose file; repeat it to merge several (default: the embedded stack)")
	flags.StringArrayVar(&a.envFiles, "env-file", nil, "file of variables for the Compose file")
	flags.StringArrayVar(&a.profiles, "profile", nil, "enable a profile of the Compose file")
	flags.StringVarP(&a.Target.Context, "context", "c", "", "docker context to use")
	flags.StringVarP(&a.Target.Host, "host", "H", "", "engine address, such as ssh://user@host")
	a.Progress = progress.Auto
	flags.Var(choice{(*string)(&a.Progress), progress.Styles}, "progress", "progress style: auto, tty, plain, json or quiet")
	_ = root.RegisterFlagCompletionFunc("context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return Words(engine.Contexts(), nil), cobra.ShellCompDirectiveNoFileComp
	})
	_ = root.RegisterFlagCompletionFunc("progress", cobra.FixedCompletions(progress.Styles, cobra.ShellCompDirectiveNoFileComp))
}

// Connect reaches the engine that the flags name.
func (a *App) Connect(ctx context.Context) (*engine.Engine, error) {
	return engine.Connect(ctx, a.Target)
}

// Open reaches the engine, for the commands that work from the labels of a project.
func (a *App) Open(ctx context.Context) (eng *engine.Engine, project string, err error) {
	if project, err = a.ProjectName(ctx); err != nil {
		return nil, "", err
	}
	eng, err = a.Connect(ctx)
	return eng, project, err
}

// OpenChosen is Open for the commands on the containers of services, of all where none is named.
func (a *App) OpenChosen(ctx context.Context, services []string) (*engine.Engine, []observe.Container, error) {
	eng, project, err := a.Open(ctx)
	if err != nil {
		return nil, nil, err
	}
	observed, err := observe.Labelled(ctx, eng, project, label.Project)
	var chosen []observe.Container
	if err == nil {
		chosen, err = observed.Choose(services)
	}
	if err != nil {
		_ = eng.Close()
		return nil, nil, err
	}
	return eng, chosen, nil
}

// OpenFiles is open for the commands that need the Compose files, which name the project.
func (a *App) OpenFiles(ctx context.Context) (*engine.Engine, string, error) {
	s, err := a.Read(ctx)
	if err != nil {
		return nil, "", err
	}
	eng, err := a.Connect(ctx)
	return eng, s.Project.Name, err
}

// On is a project on an engine; its verbs show what they do in the renderer, and ask on this terminal.
func (a *App) On(eng *engine.Engine, name string, show progress.Renderer) *project.Project {
	return &project.Project{
		Name: name, Engine: eng, Address: eng.Address, Files: composeFiles{a}, Images: a.Images(), Sink: show.Event,
		Agree: func(ctx context.Context, question string) error {
			show.Pause()
			agreed, given, err := a.Agreed(ctx, question, a.Yes)
			switch {
			case err == nil && !given:
				return project.ErrNobody
			case err == nil && !agreed:
				return terminal.ErrReported
			}
			return err
		},
	}
}

// imageOptions says where images come from, and takes the digest of this binary once.
func imageOptions() images.Options {
	roots := filepath.SplitList(os.Getenv("STACKCTL_HOST_ROOT"))
	if cache, err := os.UserCacheDir(); err == nil && len(roots) == 0 {
		roots = []string{filepath.Join(cache, "stackctl", "host")}
	}
	binary := os.Getenv("STACKCTL_WEB_BINARY")
	digest := sync.OnceValues(func() (string, error) { return images.DigestBinary(binary) })
	return images.Options{HostRoots: roots, Binary: binary, BinaryDigest: digest}
}

// DialStore returns how to reach a project's Redis, logged in.
func DialStore(ctx context.Context, eng *engine.Engine, project string) (store.Dialer, error) {
	if _, err := eng.StoreAddress(ctx, project); err != nil {
		return nil, err
	}
	return store.Reach(eng, project), nil
}

// NeedHistory returns an error if the project keeps no history of visits, or if its tier does not run.
func NeedHistory(ctx context.Context, eng *engine.Engine, project string) error {
	switch exists, running, err := eng.ServiceState(ctx, project, history.Service); {
	case err != nil:
		return err
	case !exists:
		return fmt.Errorf("reading the history of visits: project %q keeps none; `stackctl up --with database` turns it on", project)
	case !running:
		return fmt.Errorf("reading the history of visits: service %q does not run; `stackctl up` starts it", history.Service)
	}
	return nil
}

// HistoryFile is where the Redis console keeps its history; "" where there is no place for it.
func HistoryFile() string {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "stackctl", "redis_history")
}
