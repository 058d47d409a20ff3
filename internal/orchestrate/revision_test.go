package orchestrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
)

// back rolls a service back.
func (w *world) back(service string, number int) error {
	w.Helper()
	observed, err := observe.Project(w.Context(), w, projectName)
	if err != nil {
		return err
	}
	revision, err := kept.Previous(observed, service, number)
	if err != nil {
		return err
	}
	if err := revision.Load(w.Context(), w); err != nil {
		return err
	}
	images := map[string]planner.Image{service: {Ref: revision.Image, ID: revision.ImageID}}
	only, err := w.stack.Only(w.Context(), []string{service})
	w.check(err)
	_, err = orchestrate.Up(w.Context(), w, only, images, planner.Options{Notice: notice, Revisions: map[string]*kept.Revision{service: &revision}}, nil, nil)
	return err
}

func (w *world) limit(name string) int64 {
	w.Helper()
	info, err := w.ContainerInspect(w.Context(), name)
	w.check(err)
	return info.HostConfig.Memory >> 20
}

func TestRollback(t *testing.T) {
	with := func(mb int) *world {
		w := newWorld(t, embedded(t, fmt.Sprintf("services: {web: {scale: 2, mem_limit: %dm}}", mb)))
		w.up()
		return w
	}
	w := with(100)
	if err := w.back("web", 0); err == nil || !strings.Contains(err.Error(), "none is kept") {
		t.Errorf("nothing to go back to: %v", err)
	}
	for _, mb := range []int{110, 120, 130, 140} {
		w.use(embedded(t, fmt.Sprintf("services: {web: {scale: 2, mem_limit: %dm}}", mb)))
		w.up()
		w.settled()
	}
	observed, err := observe.Project(t.Context(), w, projectName)
	w.check(err)
	var numbers []int
	for _, r := range kept.Revisions(observed, "web") {
		numbers = append(numbers, r.Number)
	}
	if !slices.Equal(numbers, []int{2, 3, 4}) {
		t.Errorf("kept: %v", numbers)
	}
	for _, step := range []struct {
		number int
		want   int64
	}{{0, 130}, {0, 140}, {3, 120}} {
		w.check(w.back("web", step.number))
		for _, name := range []string{"stackctl-web-1", "stackctl-web-2"} {
			if got := w.limit(name); got != step.want || w.State(name) != "running" {
				t.Errorf("to %d: %s has %d MiB, want %d", step.number, name, got, step.want)
			}
		}
	}
	if err := w.back("web", 1); err == nil || !strings.Contains(err.Error(), `finding revision 1 of service "web": it is not kept`) {
		t.Errorf("to a dropped one: %v", err)
	}
	if names := w.names(); !slices.Equal(names, []string{"stackctl-nginx-1", "stackctl-redis-1", "stackctl-web-1", "stackctl-web-2"}) {
		t.Errorf("the project has %v", names)
	}
	w.up() // and forward again
	w.settled()
	if got := w.limit("stackctl-web-1"); got != 140 {
		t.Errorf("web has %d MiB", got)
	}
}

// A front that is recreated alone leads to the replicas that there are, each of them, as it does after `up`.
func TestAFrontAlone(t *testing.T) {
	w := newWorld(t, embedded(t, "services: {web: {scale: 3}}"))
	w.up()
	only, err := w.stack.Only(t.Context(), []string{"nginx"})
	w.check(err)
	_, err = orchestrate.Up(t.Context(), w, only, w.images, planner.Options{Notice: notice, ForceRecreate: true}, nil, nil)
	w.check(err)
	w.settled()
}

func TestHistory(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.check(kept.Remember(t.Context(), w, projectName, kept.Entry{Command: "before"}))
	w.up()
	for i := range 40 {
		w.check(kept.Remember(t.Context(), w, projectName, kept.Entry{Command: fmt.Sprint("up ", i), Error: strings.Repeat("x", 1000)}))
	}
	observed, err := kept.All(t.Context(), w, projectName)
	w.check(err)
	entries := kept.History(observed)
	if len(entries) != 30 || entries[0].Command != "up 10" || entries[29].Command != "up 39" || len(entries[0].Error) > 300 {
		t.Errorf("%d entries: %+v", len(entries), entries)
	}
	if n := strings.Count(w.Dump(), "-history-"); n != 1 {
		t.Errorf("%d containers hold it", n)
	}
	w.settled() // it is nothing of the stack's own
	w.down(planner.DownOptions{Volumes: true})
	if left := w.Dump(); left != "network bridge: 172.17.0.0/16\n" {
		t.Errorf("left:\n%s", left)
	}
	for want, err := range map[string]error{"done": nil, "failed": errBroken, "undone": fmt.Errorf("x: %w", &orchestrate.UndoneError{Err: errBroken})} {
		if got := orchestrate.Outcome(err); got != want {
			t.Errorf("%v is %q", err, got)
		}
	}
}

// A replica that does not get ready: the old ones serve as before, and nothing is left of the new ones.
func TestFailedReplacementGoesBack(t *testing.T) {
	for _, bad := range []string{"unhealthy", "config"} {
		t.Run(bad, func(t *testing.T) {
			three := embedded(t, "services: {web: {scale: 3}}")
			w := newWorld(t, three)
			w.up()
			before, state := w.Dump(), w.File("stackctl-nginx-1", conf)
			addresses := w.addresses("web")
			changed := embedded(t, "services: {web: {scale: 3, mem_limit: 256m}}")
			w.use(changed)
			second := w.id("stackctl-web-2")[:12] + "_stackctl-web-2"
			if bad == "unhealthy" {
				w.Run(second, memory.Program{Health: "unhealthy"})
			} else {
				checks := 0
				w.Run("stackctl-nginx-1", memory.Program{Command: func(command []string, files map[string]string) (string, int) {
					if checks++; files[command[len(command)-1]] == "" {
						t.Errorf("%v checks no file", command)
					}
					return "bad directive in " + command[len(command)-1], max(0, checks-1) // the second is refused
				}})
			}
			_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
			var undone *orchestrate.UndoneError
			if !errors.As(err, &undone) {
				t.Fatalf("up: %v", err)
			}
			if want := map[string]string{"unhealthy": "is unhealthy", "config": "bad directive in " + conf}[bad]; !strings.Contains(err.Error(), want) {
				t.Errorf("up: %v", err)
			}
			if bad == "unhealthy" && (len(undone.Cards) != 1 || undone.Cards[0].Container != second) {
				t.Errorf("cards: %+v", undone.Cards)
			}
			if after := w.Dump(); after != before {
				t.Errorf("was:\n%sis:\n%s", before, after)
			}
			if got := w.File("stackctl-nginx-1", conf); got != state || w.Read("stackctl-nginx-1", conf) != state {
				t.Errorf("nginx.conf differs:\n%s", got)
			}
			if got := w.addresses("web"); !slices.Equal(got, addresses) {
				t.Errorf("web is at %v, was at %v", got, addresses)
			}
			w.use(three)
			w.settled()
		})
	}
}

// A service that cannot be there twice: its container is there as before, and runs, whatever the new one fails at.
func TestFailedSwapGoesBack(t *testing.T) {
	for method, fails := range map[string]string{"ContainerCreate": "creating", "ContainerStop": "stopping", "ContainerStart": "starting", "unhealthy": "is unhealthy"} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t, embedded(t))
			w.up()
			before := w.Dump()
			old := w.id("stackctl-redis-1")
			successor := old[:12] + "_stackctl-redis-1"
			w.Run(successor, memory.Program{Health: "unhealthy"})
			w.Before(func(_ context.Context, c memory.Call) error {
				if c.Method == method && c.Object == map[bool]string{false: successor, true: old}[method == "ContainerStop"] {
					return errBroken
				}
				return nil
			})
			w.use(embedded(t, "services: {redis: {mem_limit: 256m}}"))
			_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice, AwaitReady: true}, nil, nil)
			if err == nil || !strings.Contains(err.Error(), fails) || !strings.HasSuffix(err.Error(), "; everything was put back as it was before") {
				t.Errorf("up: %v", err)
			}
			if after := w.Dump(); after != before {
				t.Errorf("was:\n%sis:\n%s", before, after)
			}
		})
	}
}

// What else was to go is there still when something fails.
func TestAFailureLeavesWhatWasToGo(t *testing.T) {
	w := newWorld(t, embedded(t, "services: {web: {scale: 2}}"))
	w.up()
	before := w.Dump()
	successor := w.id("stackctl-redis-1")[:12] + "_stackctl-redis-1"
	w.Before(func(_ context.Context, c memory.Call) error {
		if c.Method == "ContainerStart" && c.Object == successor {
			return errBroken
		}
		return nil
	})
	w.use(embedded(t, "services: {redis: {mem_limit: 256m}}"))
	_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
	if err == nil || !strings.HasSuffix(err.Error(), "; everything was put back as it was before") || orchestrate.Outcome(err) != "undone" {
		t.Errorf("up: %v", err)
	}
	if after := w.Dump(); after != before {
		t.Errorf("was:\n%sis:\n%s", before, after)
	}
}

// Where only a removal fails, the change has succeeded: nothing goes back, and the next up finishes it.
func TestAFailedRemovalTakesNothingBack(t *testing.T) {
	w := newWorld(t, embedded(t, "services: {web: {scale: 2}}"))
	w.up()
	old := w.id("stackctl-redis-1")
	w.Before(func(_ context.Context, c memory.Call) error {
		if c.Method == "ContainerRemove" && c.Object == old {
			return errBroken
		}
		return nil
	})
	w.use(embedded(t, "services: {redis: {mem_limit: 256m}}"))
	_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
	if err == nil || err.Error() != `removing container "stackctl-redis-1": the engine broke down` {
		t.Errorf("up: %v", err)
	}
	if state := w.State(old[:12] + "_stackctl-redis-1"); state != "running" || w.Has("stackctl-web-2") {
		t.Errorf("the new redis is %q:\n%s", state, w.Dump())
	}
	w.Forget()
	w.up()
	w.settled()
}

func TestNoRecreate(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.up()
	w.use(embedded(t, "networks: {default: {internal: true}}\nservices: {web: {mem_limit: 256m, scale: 2}, redis: {hostname: db}}"))
	wantPlan(t, w.plan(planner.Options{Notice: notice, NoRecreate: true}), `
 1 create container stackctl-web-2: it does not exist
 2 write files stackctl-web-2:/run/secrets/redis_web: it does not exist (after 1)
 3 start container stackctl-web-2: it does not exist (after 2)
 4 await container stackctl-web-2: requests go to it next (after 3)
 5 reload container stackctl-nginx-1: its content changed (after 4)`)
}

// A run that was ended while its new replica started: the one that serves is not stopped for the other's sake.
func TestForcedAgainWhileTheSuccessorStarts(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.up()
	successor := w.id("stackctl-web-1")[:12] + "_stackctl-web-1"
	w.use(embedded(t, "services: {web: {mem_limit: 256m}}"))
	w.failing("ContainerStart", func() { w.tryUp() })
	if w.Has(successor) {
		t.Fatal("going back has left it there")
	}
	labels := map[string]string{
		label.Project: projectName, label.Service: "web", label.ContainerNumber: "1", label.OneOff: "False",
	}
	w.create(successor, labels, "stackctl_default")
	plan := w.plan(planner.Options{Notice: notice, ForceRecreate: true, ForceServices: []string{"web"}}).String()
	first, _, _ := strings.Cut(plan, "stop container stackctl-web-1")
	if !strings.Contains(first, "reload container stackctl-nginx-1") || !strings.Contains(first, "await container") {
		t.Errorf("the one that serves is stopped before another does:\n%s", plan)
	}
	w.up(planner.Options{Notice: notice, ForceRecreate: true, ForceServices: []string{"web"}})
	w.settled()
}
