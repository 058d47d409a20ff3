package orchestrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	dockercontainer "github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/ready"
	"stackctl.dev/stackctl/internal/stack"
)

// verb is a command that changes a stack.
type verb func(w *world) func(context.Context) error

func verbs(t *testing.T) map[string]verb {
	whole := embedded(t)
	whole.Extension.Ready = nil // there is no port to ask
	ofWeb := func(replicas int, force bool) verb {
		s, err := embedded(t).Only(t.Context(), []string{"web"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Scale("web", replicas); err != nil {
			t.Fatal(err)
		}
		s.Extension.Ready = nil
		return func(w *world) func(context.Context) error {
			decide := func(s *stack.Stack, observed *observe.Observed) (*stack.Stack, error) {
				w.decided = len(w.Calls())
				if observed.Replicas("web") == 0 {
					return nil, &observe.TakenAwayError{What: "web"}
				}
				return s, nil
			}
			return func(ctx context.Context) error {
				_, err := orchestrate.Up(ctx, w, s, imagesOf(s), planner.Options{Notice: notice, ForceRecreate: force, AwaitReady: true, Existing: true, Adjust: decide}, &ready.Waiting{}, nil)
				return err
			}
		}
	}
	return map[string]verb{
		"up": func(w *world) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := orchestrate.Up(ctx, w, whole, imagesOf(whole), planner.Options{Notice: notice, AwaitReady: true}, &ready.Waiting{}, nil)
				return err
			}
		},
		"rollout": ofWeb(2, true),
		"scale":   ofWeb(3, false),
		"down": func(w *world) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := orchestrate.Down(ctx, w, projectName, nil, planner.DownOptions{}, nil)
				return err
			}
		},
	}
}

// While one command is at work on a stack of two replicas, another one that does not know of its lock (on another address of
// the engine) runs as a whole, before each of its calls in turn. Neither leaves half a stack.
func TestTwoCommandsAtOnce(t *testing.T) {
	two := embedded(t, "services: {web: {scale: 2}}")
	all := verbs(t)
	for first := range all {
		for second := range all {
			t.Run(first+" and "+second, func(t *testing.T) {
				for k, more := 1, true; more; k++ {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, two)
						w.up()
						before := w.idsOf("web")
						do, other := all[first](w), all[second](w)
						var firstErr, secondErr error
						more = w.interleaved(k, func(ctx context.Context) { firstErr = do(ctx) }, func() { secondErr = other(t.Context()) })
						if more {
							when := fmt.Sprintf("%s before call %d of %s", second, k, first)
							w.whole(when, first, second, firstErr, secondErr)
							if same := w.idsOf("web"); first == "rollout" && firstErr == nil && slices.ContainsFunc(same, func(id string) bool { return slices.Contains(before, id) }) {
								t.Fatalf("%s: the rollout succeeded, and has left some as they were", when)
							}
						}
					})
				}
			})
		}
	}
}

// interleaved runs other before the k-th call of do, which waits meanwhile with all of its calls; it reports whether do made so many.
func (w *world) interleaved(k int, do func(context.Context), other func()) (ran bool) {
	w.Forget()
	type ofDo struct{}
	var began atomic.Bool
	ended := make(chan struct{})
	w.Before(func(ctx context.Context, c memory.Call) error {
		switch {
		case c.N == k:
			began.Store(true)
			other()
			close(ended)
		case began.Load() && ctx.Value(ofDo{}) != nil:
			<-ended
		}
		return nil
	})
	do(context.WithValue(w.Context(), ofDo{}, true))
	w.Forget()
	return began.Load()
}

// whole checks what two commands leave and say.
func (w *world) whole(when, first, second string, firstErr, secondErr error) {
	w.Helper()
	for verb, err := range map[string]error{first: firstErr, second: secondErr} {
		taken := (*observe.TakenAwayError)(nil)
		if stops := (verb == "rollout" || verb == "scale") && errors.As(err, &taken); err != nil && !stops {
			w.Fatalf("%s: %v\nengine:\n%s", when, err, w.Dump())
		}
	}
	names := w.names()
	if len(names) == 0 && (first == "down" || second == "down") && first != "up" {
		return
	}
	if first == "down" && second != "up" || second == "down" && first != "up" {
		w.Fatalf("%s (%v): a part of the stack is left:\n%s", when, firstErr, w.Dump())
	}
	for _, name := range []string{"redis-1", "web-1", "nginx-1"} {
		if !slices.Contains(names, projectName+"-"+name) {
			w.Fatalf("%s (%v): without %s:\n%s", when, firstErr, name, w.Dump())
		}
	}
	for _, name := range names {
		if w.State(name) != "running" {
			w.Fatalf("%s (%v): %s is %s:\n%s", when, firstErr, name, w.State(name), w.Dump())
		}
	}
}

// A container that has been told to stop and takes its time counts as one that has to start; one that was only sent a signal
// stays.
func TestUpWhileContainersStop(t *testing.T) {
	s := compose(t, "services: {a: {image: a, stop_signal: SIGQUIT}, b: {image: b, stop_grace_period: 3s}}\n")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s)
		w.up()
		w.Signal("p-a-1", "3")  // its own
		w.Signal("p-b-1", "15") // which takes no notice
		time.AfterFunc(2*time.Second, func() { w.Exit("p-a-1", 0) })
		begin, before := time.Now(), w.createdAs("p-b-1")
		if _, err := orchestrate.Up(t.Context(), w, s, w.images, planner.Options{Notice: notice}, &ready.Waiting{}, nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < 2*time.Second || took > 5*time.Second {
			t.Errorf("up took %s", took)
		}
		if a, b := w.State("p-a-1"), w.State("p-b-1"); a != "running" || b != "running" || w.createdAs("p-b-1") != before {
			t.Errorf("a is %s, b %s", a, b)
		}
		wantPlan(t, w.plan(), "") // what has started since, or has not ended in time, is not being stopped
	})
}

// What is stopped or removed while it is waited for is found out, and put right by up: by a plan that awaits it, and by the
// wait at the end. A restart is no such thing.
func TestTakenAwayWhileAwaited(t *testing.T) {
	const service = "image: db, restart: %s, healthcheck: {test: [CMD, check], start_period: 10m}"
	for _, restart := range []string{`"no"`, "always", "unless-stopped", "on-failure", `"on-failure:5"`} {
		db := fmt.Sprintf(service, restart)
		for name, s := range map[string]*stack.Stack{
			"by a plan":   compose(t, "services: {db: {"+db+"}, app: {image: app, depends_on: {db: {condition: service_healthy}}}}\n"),
			"at the end":  compose(t, "services: {db: {"+db+"}, app: {image: app}}\n"),
			"in a change": compose(t, "services: {db: {"+db+"}, app: {image: app}}\nx-stackctl: {start: ordered}\n"),
		} {
			for what, happens := range map[string]func(w *world){
				"stopped": func(w *world) { w.Stop("p-db-1", 143) },
				"ended":   func(w *world) { w.Stop("p-db-1", 0) },
				"removed": func(w *world) { w.removeContainer("p-db-1") },
				"restarted": func(w *world) {
					w.Stop("p-db-1", 143)
					time.AfterFunc(time.Second/2, func() { _ = w.ContainerStart(w.Context(), "p-db-1", dockercontainer.StartOptions{}) })
				},
			} {
				t.Run(restart+" "+what+" "+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, s)
						w.Run("p-db-1", memory.Program{Health: "starting"})
						time.AfterFunc(2*time.Second, func() { happens(w) })
						time.AfterFunc(10*time.Second, func() { w.SetHealth("p-db-1", "healthy") })
						begin := time.Now()
						_, err := orchestrate.Up(t.Context(), w, s, w.images, planner.Options{Notice: notice}, &ready.Waiting{Healthy: true}, nil)
						if took := time.Since(begin); err != nil || took > 11*time.Second {
							t.Fatalf("after %s: %v", took, err)
						}
						w.settled()
					})
				})
			}
		}
	}
}

// createdAs is a container's ID.
func (w *world) createdAs(name string) string {
	w.Helper()
	info, err := w.ContainerInspect(w.Context(), name)
	w.check(err)
	return info.ID
}

// A container whose files are written while it is removed is dead, and goes at the next look.
func TestDownLooksAgainForTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, embedded(t))
		w.up()
		w.Before(func(_ context.Context, c memory.Call) error {
			if c.Method == "ContainerRemove" && w.State("stackctl-nginx-1") == "exited" {
				w.Die("stackctl-nginx-1")
				return errors.New("failed to remove root filesystem: directory not empty")
			}
			return nil
		})
		if _, err := orchestrate.Down(t.Context(), w, projectName, nil, planner.DownOptions{}, nil); err != nil {
			t.Fatal(err)
		}
		if names := w.names(); len(names) > 0 {
			t.Errorf("left: %v", names)
		}
	})
}

// idsOf lists the IDs of a service's containers.
func (w *world) idsOf(service string) (ids []string) {
	w.Helper()
	containers, err := observe.Containers(w.Context(), w, projectName)
	w.check(err)
	for _, c := range containers {
		if c.Service == service {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// Where only nginx is taken away under a rollout, its replicas go on: old ones or new ones.
func TestRolloutWithoutItsFront(t *testing.T) {
	two := embedded(t, "services: {web: {scale: 2}}")
	rollout := verbs(t)["rollout"]
	for k, more := 1, true; more; k++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, two)
			w.up()
			do := rollout(w)
			var err error
			more = w.interleaved(k, func(ctx context.Context) { err = do(ctx) }, func() { w.removeContainer("stackctl-nginx-1") })
			if more && err == nil && k > w.decided {
				t.Fatalf("call %d: the rollout succeeded without nginx", k)
			}
			for number := range 2 {
				if name := container(projectName, "web", number+1); more && (!w.Has(name) || w.State(name) != "running") {
					t.Fatalf("call %d (%v): %s does not run:\n%s", k, err, name, w.Dump())
				}
			}
		})
	}
}

// What is being removed already is waited for, and is no reason to fail.
func TestDownWhileAContainerIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, embedded(t))
		w.up()
		w.Removing("stackctl-web-1")
		time.AfterFunc(3*time.Second, func() { w.Gone("stackctl-web-1") })
		if _, err := orchestrate.Down(t.Context(), w, projectName, nil, planner.DownOptions{}, nil); err != nil {
			t.Fatal(err)
		}
		if names := w.names(); len(names) > 0 {
			t.Errorf("left: %v", names)
		}
	})
}
