package orchestrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/volume"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

// recorder is a Sink that keeps what it gets.
type recorder struct {
	mu     sync.Mutex
	events []report.Event
}

func (r *recorder) take(e report.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// kinds lists an object's events.
func (r *recorder) kinds(verb, object string) string {
	var kinds []string
	for _, e := range r.events {
		if e.Object == object && (verb == "" || e.Verb == verb) {
			kinds = append(kinds, string(e.Kind))
		}
	}
	return strings.Join(kinds, " ")
}

// position is where the first such event stands; -1 without one.
func (r *recorder) position(kind report.Kind, verb, object string) int {
	return slices.IndexFunc(r.events, func(e report.Event) bool {
		return e.Kind == kind && e.Verb == verb && e.Object == object
	})
}

// trial is an engine on which making a volume does what the test wants.
type trial struct {
	apply.Engine
	does map[string]func(context.Context) error // by the volume's name
}

func newTrial() *trial { return &trial{does: map[string]func(context.Context) error{}} }

func (e *trial) VolumeCreate(ctx context.Context, o volume.CreateOptions) (volume.Volume, error) {
	return volume.Volume{}, e.does[o.Name](ctx)
}

func (e *trial) step(name string, do func(context.Context) error, after ...int) steps.Op {
	e.does[name] = do
	return steps.Op{Action: steps.CreateVolume{Options: volume.CreateOptions{Name: name}}, Cause: "test", After: after}
}

func works(context.Context) error { return nil }

func breaks(context.Context) error { return errBroken }

func TestFailedStepHoldsBackWhatDependsOnIt(t *testing.T) {
	e := newTrial()
	var seen recorder
	plan := &steps.Plan{Ops: []steps.Op{
		e.step("a", breaks), e.step("a1", works, 0), e.step("a2", works, 1), e.step("b", works), e.step("b1", works, 3), e.step("both", works, 1, 4),
	}}
	err := apply.Plan(t.Context(), e, plan, seen.take)
	if !errors.Is(err, errBroken) || err.Error() != `creating volume "a": the engine broke down` {
		t.Errorf("err = %v", err)
	}
	got := map[string]string{}
	for _, name := range []string{"a", "a1", "a2", "b", "b1", "both"} {
		got[name] = seen.kinds("", name)
	}
	want := map[string]string{"a": "started failed", "a1": "skipped", "a2": "skipped", "b": "started done", "b1": "started done", "both": "skipped"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestAllFailuresAreReported(t *testing.T) {
	e := newTrial()
	plan := &steps.Plan{Ops: []steps.Op{e.step("a", breaks), e.step("b", breaks), e.step("c", works)}}
	err := apply.Plan(t.Context(), e, plan, nil)
	if err == nil || err.Error() != "creating volume \"a\": the engine broke down\ncreating volume \"b\": the engine broke down" {
		t.Errorf("err = %v", err)
	}
}

func TestEngineThatHangs(t *testing.T) {
	s := embedded(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s)
		w.Before(func(_ context.Context, c memory.Call) error { // as the client has it, which bounds every call
			if c.Method != "ContainerStart" || c.Object != "stackctl-redis-1" {
				return nil
			}
			time.Sleep(time.Minute) // of the bubble: it takes no time
			return errors.New("no answer from the engine within 1m0s")
		})
		_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
		if err == nil || err.Error() != `starting container "stackctl-redis-1": no answer from the engine within 1m0s` {
			t.Errorf("err = %v", err)
		}
		if w.State("stackctl-web-1") != "running" {
			t.Error("what does not depend on it was held back")
		}
	})
}

func TestWaitForDependencyEndsAtItsLimit(t *testing.T) {
	s := compose(t, ordered)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s)
		w.Run("p-db-1", memory.Program{Health: "starting"})
		_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice, WaitTimeout: 5 * time.Second}, nil, nil)
		if err == nil || err.Error() != `awaiting container "p-db-1": it was not service_healthy within 5s` {
			t.Errorf("err = %v", err)
		}
	})
}

func TestCancelReturnsTheContextsError(t *testing.T) {
	for _, method := range []string{"ContainerList", "VolumeCreate", "NetworkCreate", "ContainerCreate", "CopyToContainer", "ContainerStart"} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t, embedded(t))
			entered, _ := w.Block(method, "")
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-entered
				cancel()
			}()
			var seen recorder
			_, err := orchestrate.Up(ctx, w, w.stack, w.images, planner.Options{Notice: notice}, nil, seen.take)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v", err)
			}
			for _, e := range seen.events {
				if e.Kind == report.Failed {
					t.Errorf("an interrupt is reported as a failure: %v", e.Err)
				}
			}
			w.Forget()
			w.up()
			w.settled()
		})
	}
}

// In a random plan: every step's events come once, in order and after those of what it depends on; a step runs exactly if
// all that it depends on succeeded.
func TestApplyRandomPlans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "steps")
		e, plan := newTrial(), &steps.Plan{}
		fails, ran := make([]bool, n), make([]atomic.Int32, n)
		for i := range n {
			var after []int
			if i > 0 {
				after = rapid.SliceOfNDistinct(rapid.IntRange(0, i-1), 0, min(i, 3), rapid.ID).Draw(t, "after")
			}
			fails[i] = rapid.IntRange(0, 4).Draw(t, "fails") == 0
			plan.Ops = append(plan.Ops, e.step(fmt.Sprint(i), func(context.Context) error {
				ran[i].Add(1)
				if fails[i] {
					return errBroken
				}
				return nil
			}, after...))
		}
		var seen recorder
		err := apply.Plan(t.Context(), e, plan, seen.take)
		succeeded, failed := make([]bool, n), 0
		for i, op := range plan.Ops {
			runs := !slices.ContainsFunc(op.After, func(before int) bool { return !succeeded[before] })
			succeeded[i] = runs && !fails[i]
			want := map[bool]string{true: "started done", false: "skipped"}[succeeded[i]]
			if runs && fails[i] {
				want = "started failed"
				failed++
			}
			if got := seen.kinds("", fmt.Sprint(i)); got != want {
				t.Fatalf("step %d: %s, want %s", i, got, want)
			}
			if (ran[i].Load() == 1) != runs {
				t.Fatalf("step %d ran %d times", i, ran[i].Load())
			}
			for _, before := range op.After {
				if runs && seen.position("done", "create volume", fmt.Sprint(before)) > seen.position("started", "create volume", fmt.Sprint(i)) {
					t.Fatalf("step %d began before step %d was done", i, before)
				}
			}
		}
		if (err != nil) != (failed > 0) {
			t.Fatalf("%d steps failed, err = %v", failed, err)
		}
	})
}

func TestParallelCallsAreBounded(t *testing.T) {
	var now, most atomic.Int32
	e := newTrial()
	plan := &steps.Plan{}
	synctest.Test(t, func(t *testing.T) {
		for i := range 5 * apply.MaxParallel {
			plan.Ops = append(plan.Ops, e.step(fmt.Sprint(i), func(ctx context.Context) error {
				n := now.Add(1)
				defer now.Add(-1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Second):
				}
				return nil
			}))
		}
		if err := apply.Plan(t.Context(), e, plan, nil); err != nil {
			t.Fatal(err)
		}
	})
	if most.Load() != apply.MaxParallel {
		t.Errorf("%d calls at once, want %d", most.Load(), apply.MaxParallel)
	}
}

// Stops take long and cost the engine nothing: however many there are, they run side by side, so that `down` takes as long
// as the longest grace period.
func TestStopsRunSideBySide(t *testing.T) {
	const replicas = 3 * apply.MaxParallel
	w := newWorld(t, compose(t, fmt.Sprintf("services: {a: {image: a, scale: %d}}\n", replicas)))
	w.up()
	entered, release := w.Block("ContainerStop", "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range replicas {
			<-entered
		}
		release()
	}()
	w.down(planner.DownOptions{})
	<-done
}

func TestEventsOfUp(t *testing.T) {
	w := newWorld(t, embedded(t))
	var seen recorder
	plan, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, seen.take)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range plan.Ops {
		if got := seen.kinds(op.Action.Verb(), op.Action.Object()); got != "started done" {
			t.Errorf("%s %s: %s", op.Action.Verb(), op.Action.Object(), got)
		}
	}
	if len(seen.events) != 2*len(plan.Ops) {
		t.Errorf("%d events for %d steps", len(seen.events), len(plan.Ops))
	}
}

// once runs do before the first call of a method for an object ("" is any): what other hands do meanwhile.
func once(w *world, method, object string, do func()) {
	var done atomic.Bool
	w.Before(func(_ context.Context, c memory.Call) error {
		if c.Method == method && (object == "" || c.Object == object) && done.CompareAndSwap(false, true) {
			do()
		}
		return nil
	})
}

func TestUpPlansAgainOnARace(t *testing.T) {
	for _, test := range []struct {
		name, method, object string
		other                func(w *world, rival *world)
	}{
		{"the subnet is taken", "NetworkCreate", "", func(w, _ *world) { w.createNetworkIn("shop_default", w.plannedSubnet()) }},
		{"another up of the project makes the network", "NetworkCreate", "", func(_, rival *world) { rival.tryUp() }},
		{"another up of the project makes a container", "ContainerCreate", "", func(_, rival *world) { rival.tryUp() }},
		{"a container goes before its start", "ContainerStart", "stackctl-redis-1", func(w, _ *world) { w.removeContainer("stackctl-redis-1") }},
		{"the network goes before the start", "ContainerStart", "", func(w, _ *world) { _ = w.NetworkRemove(w.Context(), "stackctl_default") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, embedded(t))
			rival := *w
			once(w, test.method, test.object, func() { test.other(w, &rival) })
			w.up()
			w.settled()
		})
	}
}

// A driver that the engine does not have is nothing that another look finds.
func TestAMissingPluginIsNoRace(t *testing.T) {
	w := newWorld(t, embedded(t))
	tries := 0
	w.Before(func(_ context.Context, c memory.Call) error {
		if c.Method != "NetworkCreate" {
			return nil
		}
		tries++
		return fmt.Errorf("plugin \"nosuch\" not found: %w", errdefs.ErrNotFound)
	})
	_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
	if err == nil || tries != 1 {
		t.Errorf("%d tries: %v", tries, err)
	}
}

func TestForeignNameThatAppearsIsAClearError(t *testing.T) {
	w := newWorld(t, embedded(t))
	once(w, "ContainerCreate", "stackctl-web-1", func() { w.foreign("stackctl-web-1", "shop") })
	_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), `a container of that name exists and belongs to project "shop"`) {
		t.Error(err)
	}
}

// Projects that come up side by side choose different subnets in the end.
func TestManyProjectsAtOnce(t *testing.T) {
	first := newWorld(t, compose(t, "services: {a: {image: a}}\n"))
	var group sync.WaitGroup
	for i := range 12 {
		other := *first
		s := *first.stack
		project := *s.Project
		project.Name = fmt.Sprintf("p%d", i)
		networks := project.Networks["default"]
		networks.Name = project.Name + "_default"
		project.Networks = map[string]types.NetworkConfig{"default": networks}
		s.Project, other.stack = &project, &s
		group.Go(func() {
			if _, err := orchestrate.Up(t.Context(), other, other.stack, other.images, planner.Options{Notice: notice}, nil, nil); err != nil {
				t.Errorf("%s: %v", project.Name, err)
			}
		})
	}
	group.Wait()
}

// Two ups of one project that no lock keeps apart, as from two machines, may fail but never leave what the next cannot mend.
func TestTwoUpsOfOneProject(t *testing.T) {
	for range 20 {
		w := newWorld(t, embedded(t))
		var group sync.WaitGroup
		for range 2 {
			group.Go(w.tryUp)
		}
		group.Wait()
		w.up()
		w.settled()
	}
}
