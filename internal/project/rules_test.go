package project_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/orchestrate/lock"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/stack"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// files are the embedded stack, or Compose files of the user's own.
type files struct {
	stack.Options
	reads *atomic.Int64
}

func (f files) Read(ctx context.Context, chosen stack.Settings) (*stack.Stack, error) {
	f.reads.Add(1)
	f.Environment, f.With = chosen.Variables, chosen.With
	return stack.Read(ctx, f.Options)
}

func (f files) Embedded(context.Context) (bool, error) { return len(f.Files) == 0, nil }

// world is a project on an engine, and what was said of it.
type world struct {
	*testing.T
	*project.Project
	engine *memory.Engine
	files  files
	said   []string

	trying sync.Mutex // the lock: one try must not be taken for the verb's
}

const name = "p"

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	w := &world{T: t, engine: memory.New()}
	w.use()
	return w
}

// open makes another project of the same name, as each command does.
func (w *world) open() {
	w.Project = &project.Project{
		Name: name, Engine: w.engine, Address: "unix:///" + w.T.Name(), Files: w.files,
		Images: images.Options{BinaryDigest: func() (string, error) { return strings.Repeat("0", 64), nil }},
		Sink: func(e report.Event) {
			if e.Kind == report.Message {
				w.said = append(w.said, e.Detail)
			}
		},
	}
}

// use describes the project by Compose files, by the embedded stack where there are none.
func (w *world) use(own ...string) {
	w.Helper()
	w.files = files{Options: stack.Options{Default: assets.FS, WorkingDir: w.TempDir(), ProjectName: name, Files: own}, reads: new(atomic.Int64)}
	w.open()
	read, err := stack.Read(w.Context(), w.files.Options)
	w.check(err)
	s, err := read.Select(w.Context(), nil)
	w.check(err)
	found, err := images.Find(w.Context(), w.engine, s, w.Images)
	w.check(err)
	for _, res := range found {
		w.engine.AddImage(res.Ref, "sha256:"+res.Ref)
	}
}

// own writes a Compose file of the user's own.
func (w *world) own(text string) string {
	w.Helper()
	path := filepath.Join(w.TempDir(), "compose.yaml")
	w.check(os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) up(o project.UpOptions) error {
	o.NoWait = true
	s, err := project.Choose(w.Context(), w.Files, o)
	if err != nil {
		return err
	}
	_, err = w.Up(w.Context(), s, o)
	return err
}

// held reports whether somebody holds the project's lock.
func (w *world) held() (held bool) {
	w.trying.Lock()
	defer w.trying.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	unlock, err := lock.Acquire(ctx, w.Address, name, func() { held = true })
	if err == nil {
		unlock()
	}
	return held
}

func (w *world) container(service string) string {
	containers, err := observe.Containers(w.Context(), w.engine, name)
	w.check(err)
	i := slices.IndexFunc(containers, func(c observe.Container) bool { return c.Service == service })
	return containers[i].ID
}

func act(a project.Act, services ...string) func(*world) error {
	return func(w *world) error {
		_, err := w.Act(w.Context(), a, project.ActOptions{Services: services})
		return err
	}
}

var noWait = project.Waiting{NoWait: true}

// The rules that the verbs share. A verb that changes something holds the lock from its first call to its last, the entry in the history
// included; one that only looks holds no lock, and changes nothing.
func TestRulesOfAllVerbs(t *testing.T) {
	changed := project.RolloutOptions{Service: "web", Env: []string{"A=1"}, Waiting: noWait}
	rolledOut := func(w *world) error { _, _, err := w.Rollout(w.Context(), changed); return err }
	for _, c := range []struct {
		verb    string
		before  func(*world) error // what has to be there, besides a stack that is up
		do      func(*world) error
		changes bool
		history string // its entry; "" writes none
		asks    bool   // before it changes what was made from other kinds of Compose files
		reads   bool   // Compose files, also the embedded one
	}{
		{verb: "up", do: func(w *world) error { return w.up(project.UpOptions{ForceRecreate: true}) }, changes: true, history: "up", asks: true, reads: true},
		{verb: "up SERVICE", do: func(w *world) error { return w.up(project.UpOptions{ForceRecreate: true, Services: []string{"redis"}}) }, changes: true, history: "up redis", asks: true, reads: true},
		{verb: "create", before: func(w *world) error { w.engine.Gone("p-web-1"); return nil }, do: func(w *world) error {
			s, err := project.Choose(w.Context(), w.Files, project.UpOptions{})
			if err == nil {
				_, err = w.Create(w.Context(), s, project.UpOptions{})
			}
			return err
		}, changes: true, history: "create", asks: true, reads: true},
		{verb: "plan", do: func(w *world) error {
			s, err := project.Choose(w.Context(), w.Files, project.UpOptions{})
			if err == nil {
				_, err = w.Plan(w.Context(), s, project.UpOptions{})
			}
			return err
		}, reads: true},
		{verb: "scale", do: func(w *world) error {
			_, err := w.Scale(w.Context(), project.UpOptions{Replicas: map[string]int{"web": 2}, Waiting: noWait})
			return err
		}, changes: true, history: "scale web=2", asks: true, reads: true},
		{verb: "rollout", do: rolledOut, changes: true, history: "rollout web", asks: true, reads: true},
		{verb: "rollout --dry-run", do: func(w *world) error { _, err := w.PlanRollout(w.Context(), changed); return err }, reads: true},
		{verb: "rollback", before: rolledOut, do: func(w *world) error {
			_, _, err := w.Rollback(w.Context(), project.RolloutOptions{Service: "web", Waiting: noWait})
			return err
		}, changes: true, history: "rollback web", asks: true, reads: true},
		{verb: "rollback --dry-run", before: rolledOut, do: func(w *world) error {
			_, err := w.PlanRollback(w.Context(), project.RolloutOptions{Service: "web"})
			return err
		}, reads: true},
		{verb: "rotate", before: func(w *world) error {
			g := &guard{engine: w.engine}
			w.engine.Run("p-redis-1", memory.Program{Process: g})
			w.Cleanup(g.serve.Wait)
			if err := act(project.Stop, "redis")(w); err != nil {
				return err
			}
			return act(project.Start, "redis")(w)
		}, do: func(w *world) error { _, err := w.Rotate(w.Context()); return err }, changes: true, history: "rotate", reads: true},
		{verb: "start", before: act(project.Stop), do: act(project.Start), changes: true, history: "start"},
		{verb: "stop", do: act(project.Stop, "web"), changes: true, history: "stop web"},
		{verb: "restart", do: act(project.Restart, "redis"), changes: true, history: "restart redis"},
		{verb: "kill", do: act(project.Kill, "web"), changes: true, history: "kill web"},
		{verb: "pause", do: act(project.Pause), changes: true, history: "pause"},
		{verb: "unpause", before: act(project.Pause), do: act(project.Unpause), changes: true, history: "unpause"},
		{verb: "rm", before: act(project.Stop), do: act(project.Remove, "web"), changes: true, history: "rm web"},
		{verb: "restart of one container, as in the dashboard", do: func(w *world) error {
			_, err := w.Act(w.Context(), project.Restart, project.ActOptions{Container: w.container("web")})
			return err
		}, changes: true, history: "restart p-web-1"},
		{verb: "verify kill", do: func(w *world) error { return project.Operations["kill"](w.Context(), w.Project) }, changes: true, history: "start p-web-1", reads: true},
		{verb: "verify restart-redis", do: func(w *world) error { return project.Operations["restart-redis"](w.Context(), w.Project) }, changes: true, history: "restart p-redis-1"},
		{verb: "run", do: func(w *world) error {
			s, err := project.Choose(w.Context(), w.Files, project.UpOptions{Services: []string{"web"}})
			if err == nil {
				_, err = w.Project.Run(w.Context(), s, project.RunOptions{Service: "web"})
			}
			return err
		}, changes: true, asks: true, reads: true},
		{verb: "the end of an attached up", do: func(w *world) error { return w.End(w.Context(), []string{"web"}, nil) }, changes: true},
		{verb: "down", do: func(w *world) error { _, _, err := w.Down(w.Context(), project.DownOptions{}); return err }, changes: true, reads: true},
		// Of the user's own files the file says which features are on.
		{verb: "maintenance on", do: func(w *world) error {
			_, err := w.Maintenance(w.Context(), true, project.MaintenanceOptions{Message: "Back at noon."})
			return err
		}, changes: true, history: "maintenance on", reads: true},
		{verb: "maintenance off", before: func(w *world) error {
			_, err := w.Maintenance(w.Context(), true, project.MaintenanceOptions{})
			return err
		}, do: func(w *world) error {
			_, err := w.Maintenance(w.Context(), false, project.MaintenanceOptions{})
			return err
		}, changes: true, history: "maintenance off", reads: true},
		{verb: "history", do: func(w *world) error { _, err := w.History(w.Context()); return err }},
	} {
		t.Run(c.verb, func(t *testing.T) {
			w := newWorld(t)
			w.check(w.up(project.UpOptions{}))
			if c.before != nil {
				w.check(c.before(w))
			}
			before, err := w.History(t.Context())
			w.check(err)
			w.files.reads.Store(0)
			var wrote, free, locked atomic.Int64
			w.engine.Before(func(_ context.Context, call memory.Call) error {
				held := w.held()
				switch {
				case held:
					locked.Add(1)
				case isChange(call.Method):
					free.Add(1)
				}
				if isChange(call.Method) {
					wrote.Add(1)
				}
				return nil
			})
			w.check(c.do(w))
			if got := wrote.Load() > 0; got != c.changes {
				t.Errorf("it changes something: %v, want %v", got, c.changes)
			}
			if free.Load() > 0 {
				t.Errorf("%d changes without the lock", free.Load())
			}
			if !c.changes && locked.Load() > 0 {
				t.Errorf("it only looks, and holds the lock for %d calls", locked.Load())
			}
			if w.held() {
				t.Error("the lock is still held")
			}
			if got := w.files.reads.Load() > 0; got != c.reads {
				t.Errorf("it reads Compose files: %v, want %v", got, c.reads)
			}
			after, err := w.History(t.Context())
			w.check(err)
			entry := ""
			if n := len(after.Entries); n > len(before.Entries) {
				entry = after.Entries[n-1].Command
			}
			if entry != c.history {
				t.Errorf("the history has %q, want %q", entry, c.history)
			}
		})
		if !c.reads || c.verb == "down" || strings.HasPrefix(c.verb, "verify") {
			continue
		}
		t.Run(c.verb+" with a file of the user's own", func(t *testing.T) {
			w := newWorld(t)
			w.check(w.up(project.UpOptions{}))
			if c.before != nil {
				w.check(c.before(w))
			}
			w.use(w.own("services: {web: {image: a, depends_on: [redis]}, redis: {image: b}, nginx: {image: c}}"))
			was := w.engine.Dump()
			err := c.do(w)
			refused := err != nil && strings.Contains(err.Error(), `changing project "p": it was made from the embedded stack, not from `)
			if refused != c.asks {
				t.Errorf("refused: %v, want %v: %v", refused, c.asks, err)
			}
			if now := w.engine.Dump(); refused && now != was {
				t.Errorf("it was refused, and changed:\n%s\ninto:\n%s", was, now)
			}
		})
	}
}

func isChange(method string) bool {
	for _, reading := range []string{"List", "Inspect", "Stat", "Logs", "Events", "CopyFrom", "Top"} {
		if strings.Contains(method, reading) {
			return false
		}
	}
	return true
}
