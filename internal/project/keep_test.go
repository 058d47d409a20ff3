package project_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/project"
)

// ports is what the front publishes, and how many replicas web has.
func (w *world) shape() (port string, replicas int) {
	w.Helper()
	observed, err := observe.Project(w.Context(), w.engine, name)
	w.check(err)
	port, err = observe.EntrancePort(w.Context(), w.engine, observed)
	w.check(err)
	return port, observed.Replicas("web")
}

func (w *world) wantShape(what, port string, replicas int) {
	w.Helper()
	if p, n := w.shape(); p != port || n != replicas {
		w.Errorf("%s: port %s and %d replicas, want %s and %d", what, p, n, port, replicas)
	}
}

// The embedded stack keeps its port and replicas, unless an option says otherwise.
func TestWhatIsKept(t *testing.T) {
	w := newWorld(t)
	w.check(w.up(project.UpOptions{Port: 8080, Replicas: map[string]int{"web": 3}}))
	w.wantShape("with --port and --scale", "8080", 3)
	w.said = nil
	w.check(w.up(project.UpOptions{}))
	w.wantShape("a plain up", "8080", 3)
	if !slices.Contains(w.said, "keeping port 8080, 3 replicas of web; up --defaults goes back") {
		t.Errorf("it says %q", w.said)
	}
	w.engine.Gone("p-web-2")
	w.check(w.up(project.UpOptions{}))
	w.wantShape("after a replica was taken away", "8080", 3)
	w.check(act(project.Stop)(w))
	w.check(w.up(project.UpOptions{}))
	w.wantShape("after a stop", "8080", 3)
	for _, service := range []string{"web", "nginx"} {
		_, _, err := w.Rollout(t.Context(), project.RolloutOptions{Service: service, Env: []string{"A=1"}, Waiting: noWait})
		w.check(err)
		w.wantShape("a rollout of "+service, "8080", 3)
	}
	s, err := project.Choose(t.Context(), w.Files, project.UpOptions{})
	w.check(err)
	planned, err := w.Plan(t.Context(), s, project.UpOptions{})
	w.check(err)
	for _, change := range planned.Changes {
		for _, field := range change.Fields {
			if strings.HasPrefix(field.Path, "ports") {
				t.Errorf("plan changes the port: %+v", change)
			}
		}
	}
	w.check(w.up(project.UpOptions{Replicas: map[string]int{"web": 2}}))
	w.check(w.up(project.UpOptions{}))
	w.wantShape("--scale changes it for good", "8080", 2)
	_, back, err := w.Down(t.Context(), project.DownOptions{})
	w.check(err)
	if back != "stackctl -p p up --port 8080 --scale web=2" {
		t.Errorf("the way back is %q", back)
	}
	w.check(w.up(project.UpOptions{}))
	w.wantShape("after down", "5002", 1)

	w.check(w.up(project.UpOptions{Port: 8080, Replicas: map[string]int{"web": 3}}))
	w.check(w.up(project.UpOptions{Defaults: true}))
	w.wantShape("--defaults", "5002", 1)
	if _, back, err := w.Down(t.Context(), project.DownOptions{}); err != nil || back != "" {
		t.Errorf("a plain up would do, and the way back is %q: %v", back, err)
	}
}

// With Compose files of the user's own, these decide, as with docker compose.
func TestOwnFilesDecide(t *testing.T) {
	w := newWorld(t)
	file := w.own("services: {web: {image: a, ports: ['8080:80']}, worker: {image: b, scale: 2}}")
	w.use(file)
	w.check(w.up(project.UpOptions{Replicas: map[string]int{"worker": 3}}))
	w.check(w.up(project.UpOptions{}))
	observed, err := observe.Project(t.Context(), w.engine, name)
	w.check(err)
	if n := observed.Replicas("worker"); n != 2 {
		t.Errorf("worker has %d replicas", n)
	}
	w.said = nil
	other := w.own("services: {web: {image: a, ports: ['8080:80']}, worker: {image: b}}")
	w.use(other)
	w.check(w.up(project.UpOptions{}))
	if want := `project "p" was made from ` + file + ", and is made from " + other + " now"; !slices.Contains(w.said, want) {
		t.Errorf("it says %q", w.said)
	}
	w.use()
	asked := ""
	w.Agree = func(_ context.Context, question string) error { asked = question; return nil }
	w.check(w.up(project.UpOptions{}))
	if want := `Project "p" was made from ` + file + ". Make it from the embedded stack now?"; asked != want {
		t.Errorf("it asks %q", asked)
	}
}
