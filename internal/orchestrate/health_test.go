package orchestrate_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/ready"
	"stackctl.dev/stackctl/internal/orchestrate/report"
)

// runs counts the commands that were run in containers.
func runs(w *world) (n int) {
	for _, call := range w.Calls() {
		if call.Method == "RunCommand" {
			n++
		}
	}
	return n
}

// A healthcheck of the user's may have effects: the engine alone runs it, and has as long as the settings say.
func TestEngineAloneRunsHealthchecks(t *testing.T) {
	s := compose(t, `
services:
  app: {image: app, depends_on: {db: {condition: service_healthy}}}
  db:
    image: db
    healthcheck: {test: [CMD, check], interval: 5s, timeout: 2s, retries: 3, start_period: 180s}
`)
	for _, test := range []struct {
		name string
		takes,
		limit time.Duration
		want string
	}{
		{"healthy after 75 s", 75 * time.Second, 0, ""},
		{"healthy at the last moment", 180*time.Second + 4*7*time.Second, 0, ""},
		{"never", time.Hour, 0, `awaiting container "p-db-1": it was not service_healthy within 3m58s`}, // 180 + 4*(5+2), and 30 for the engine
		{"a limit that was given", time.Hour, 5 * time.Second, `awaiting container "p-db-1": it was not service_healthy within 5s`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, s)
				w.Run("p-db-1", memory.Program{Health: "starting"})
				time.AfterFunc(test.takes, func() { w.SetHealth("p-db-1", "healthy") })
				var seen recorder
				_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice, WaitTimeout: test.limit}, nil, seen.take)
				if test.want == "" {
					if err == nil {
						err = ready.Await(t.Context(), w, w.stack, ready.Waiting{Healthy: true})
					}
					if err != nil || w.State("p-app-1") != "running" {
						t.Errorf("err = %v, app is %s", err, w.State("p-app-1"))
					}
				} else if err == nil || err.Error() != test.want {
					t.Errorf("err = %v, want %s", err, test.want)
				}
				if n := runs(w); n > 0 {
					t.Errorf("its healthcheck was run %d times beside the engine's own", n)
				}
				if test.limit == 0 && !seen.said("until it is healthy, at most 3m58s") {
					t.Error("nothing was said while it took so long")
				}
			})
		})
	}
}

func (r *recorder) said(detail string) bool {
	for _, e := range r.events {
		if e.Kind == report.Progress && e.Detail == detail {
			return true
		}
	}
	return false
}

// A job that others await has as long as it takes.
func TestJobHasNoLimit(t *testing.T) {
	s := compose(t, "services: {app: {image: app, depends_on: {job: {condition: service_completed_successfully}}}, job: {image: job}}\n")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s)
		time.AfterFunc(3*time.Hour, func() { w.Exit("p-job-1", 0) })
		var seen recorder
		_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, seen.take)
		if err != nil || w.State("p-app-1") != "running" {
			t.Errorf("err = %v, app is %s", err, w.State("p-app-1"))
		}
		if !seen.said("until it has done its work, without a limit") {
			t.Error("nothing was said while it took so long")
		}
	})
}

// A check that is harmless is run at once, and its success counts; one that hangs is left to the engine.
func TestHarmlessHealthcheck(t *testing.T) {
	s := compose(t, `
services:
  app: {image: app, depends_on: {db: {condition: service_healthy}}}
  db:
    image: db
    healthcheck: {test: [CMD, check], interval: 30s, timeout: 1s}
    x-stackctl: {healthcheck: harmless}
`)
	program := memory.Program{Health: "starting", Command: func([]string, map[string]string) (string, int) { return "", 0 }}
	t.Run("succeeds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, s)
			w.Run("p-db-1", program)
			time.AfterFunc(30*time.Second, func() { w.SetHealth("p-db-1", "healthy") })
			begin := time.Now()
			w.up()
			if took := time.Since(begin); took > time.Second || runs(w) != 1 {
				t.Errorf("after %s and %d checks", took, runs(w))
			}
			if err := ready.Await(t.Context(), w, w.stack, ready.Waiting{}); err != nil || time.Since(begin) > time.Second || runs(w) != 2 {
				t.Errorf("after %s and %d checks: %v", time.Since(begin), runs(w), err)
			}
			if err := ready.Await(t.Context(), w, w.stack, ready.Waiting{Healthy: true}); err != nil || time.Since(begin) < 30*time.Second || runs(w) != 2 {
				t.Errorf("after %s and %d checks, not by the engine's own word: %v", time.Since(begin), runs(w), err)
			}
		})
	})
	t.Run("hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, s)
			w.Run("p-db-1", program)
			w.Block("RunCommand", "")
			time.AfterFunc(10*time.Second, func() { w.SetHealth("p-db-1", "healthy") })
			begin := time.Now()
			w.up()
			if took := time.Since(begin); took > 11*time.Second || runs(w) != 1 {
				t.Errorf("after %s and %d checks", took, runs(w))
			}
		})
	})
}

// What is not up in the end is named, and a container that is gone is not waited for.
func TestAwaitReadyEnds(t *testing.T) {
	s := compose(t, "services: {a: {image: a, healthcheck: {test: [CMD, check], start_period: 10m}}, b: {image: b}}\n")
	for name, test := range map[string]struct {
		gone  bool
		limit time.Duration
		want  string
	}{
		"starting": {false, 0, `application not healthy after 14m30s; not yet up: service "a" (0 of 1)`},
		"given":    {false, 3 * time.Second, `application not healthy after 3s; not yet up: service "a" (0 of 1)`},
		"gone":     {true, 0, "service \"a\" (1 of 1 containers) was stopped or removed in the meantime; see `stackctl ps`, and try again"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, s)
				w.Run("p-a-1", memory.Program{Health: "starting"})
				w.up()
				if test.gone {
					w.Rename("p-a-1", "q")
					w.SetLabel("q", label.Project, "q")
				}
				err := ready.Await(t.Context(), w, w.stack, ready.Waiting{Healthy: true, Limit: test.limit})
				if err == nil || !strings.HasSuffix(err.Error(), test.want) {
					t.Errorf("err = %v", err)
				}
			})
		})
	}
}
