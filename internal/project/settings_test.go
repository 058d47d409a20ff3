package project_test

import (
	"slices"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/stack"
)

// conf is the configuration of the running nginx.
func (w *world) conf() string { return w.engine.File("p-nginx-1", "/etc/nginx/live/nginx.conf") }

func (w *world) wantLimits(what string, on bool, rate string) {
	w.Helper()
	if got := strings.Contains(w.conf(), "\n    limit_req zone=other"); got != on {
		w.Errorf("%s: limits are on: %v, want %v", what, got, on)
	}
	if got := strings.Contains(w.conf(), "rate="+rate+"r/s"); got != on {
		w.Errorf("%s: the rate is not %s", what, rate)
	}
}

// The embedded stack keeps the features and variables that were chosen, through every verb.
func TestFeaturesAreKept(t *testing.T) {
	w := newWorld(t)
	w.check(w.up(project.UpOptions{}))
	w.wantLimits("a first up", true, "50")
	w.check(w.up(project.UpOptions{Choices: map[string]string{"STACKCTL_RATE": "7"}}))
	w.wantLimits("with --rate 7", true, "7")
	was := w.container("nginx")
	w.said = nil
	w.check(w.up(project.UpOptions{}))
	w.wantLimits("a plain up", true, "7")
	if !slices.Contains(w.said, "keeping rate 7; up --defaults goes back") {
		t.Errorf("it says %q", w.said)
	}
	_, err := w.Maintenance(t.Context(), true, project.MaintenanceOptions{Message: "Back at noon."})
	w.check(err)
	for what, do := range map[string]func() error{
		"scale": func() error {
			_, err := w.Scale(t.Context(), project.UpOptions{Replicas: map[string]int{"web": 2}, Waiting: noWait})
			return err
		},
		"rollout": func() error {
			_, _, err := w.Rollout(t.Context(), project.RolloutOptions{Service: "web", Env: []string{"A=1"}, Waiting: noWait})
			return err
		},
		"up": func() error { return w.up(project.UpOptions{}) },
	} {
		w.check(do())
		w.wantLimits(what, true, "7")
		if !strings.Contains(w.conf(), `return 503 "Back at noon.\n"`) {
			t.Errorf("%s ends the maintenance", what)
		}
	}
	_, err = w.Maintenance(t.Context(), false, project.MaintenanceOptions{})
	w.check(err)
	w.check(w.up(project.UpOptions{Without: []string{"limits"}}))
	w.wantLimits("--without limits", false, "7")
	w.check(w.up(project.UpOptions{}))
	w.wantLimits("a plain up without", false, "7")
	w.check(w.up(project.UpOptions{Defaults: true}))
	w.wantLimits("--defaults", true, "50")
	if w.container("nginx") != was {
		t.Error("nginx was recreated")
	}
	observed, err := kept.All(t.Context(), w.engine, name)
	w.check(err)
	if chosen, _ := kept.Settings(observed); !chosen.Equal(stack.Settings{}) {
		t.Errorf("what is kept at the end: %+v", chosen)
	}
}

// What cannot be is refused before anything is changed.
func TestFeaturesAreRefused(t *testing.T) {
	w := newWorld(t)
	if err := w.up(project.UpOptions{With: []string{"nonsense"}}); err == nil || !strings.Contains(err.Error(), `finding feature "nonsense": there are `) {
		t.Errorf("got %v", err)
	}
	if _, err := w.Maintenance(t.Context(), true, project.MaintenanceOptions{}); err == nil || !strings.Contains(err.Error(), "no proxy of the project runs") {
		t.Errorf("got %v", err)
	}
	for _, message := range []string{"$host", `a"b`, "a\nb", `a\`, "<b>", strings.Repeat("a", 2000)} {
		if (project.MaintenanceOptions{Message: message}).Check() == nil {
			t.Errorf("message %q is taken", message)
		}
	}
	w.use(w.own("services: {web: {image: a}}"))
	if err := w.up(project.UpOptions{With: []string{"limits"}}); err == nil || !strings.Contains(err.Error(), "the Compose file says which are on") {
		t.Errorf("got %v", err)
	}
}

// Whoever publishes the stack to other machines is told what is missing for that.
func TestAnOpenStackIsWarnedOf(t *testing.T) {
	for name, tt := range map[string]struct {
		with, without []string
		bind, want    string
	}{
		"on a loopback address": {bind: "127.0.0.2"},
		"without TLS":           {bind: "0.0.0.0", want: "other machines reach the stack at 0.0.0.0, without TLS (--with tls); docs/production.md says more"},
		"without both":          {bind: "[::]", without: []string{"limits"}, want: "other machines reach the stack at [::], without TLS (--with tls) and without rate limits (--with limits); docs/production.md says more"},
		"with both":             {bind: "192.0.2.1", with: []string{"tls"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var warned []string
			sink := w.Sink
			w.Sink = func(e report.Event) {
				if e.Kind == report.Warning {
					warned = append(warned, e.Detail)
				}
				sink(e)
			}
			w.check(w.up(project.UpOptions{With: tt.with, Without: tt.without, Choices: map[string]string{"STACKCTL_BIND": tt.bind}}))
			if got := strings.Join(warned, "\n"); got != tt.want {
				t.Errorf("it warns %q, want %q", got, tt.want)
			}
		})
	}
}
