package watch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"

	"stackctl.dev/stackctl/internal/orchestrate/label"
)

func TestFirstStateDoesNotWaitForInspections(t *testing.T) {
	f := newFake()
	for n := 1; n <= 50; n++ {
		f.add("web", n)
	}
	f.add("tunnel", 1, func(s *container.Summary, _ *container.InspectResponse) { s.Labels[label.OneOff] = "True" })
	f.slowInspect = 200 * time.Millisecond
	began := time.Now()
	s := watchFake(t, f, Options{NoStats: true})
	first := s.await("state", func(State) bool { return true })
	if took := time.Since(began); took > 150*time.Millisecond {
		t.Errorf("the first state took %s", took)
	}
	if len(first.Containers) != 50 || first.Containers[9].Number != 10 || first.Project != "p" || first.Engine.Address == "" || first.Err != nil {
		t.Errorf("first state %+v", first)
	}
	if c := first.Containers[0]; len(c.Revision) != 7 || c.Command != "" {
		t.Errorf("first container %+v", c)
	}
	s.await("facts of all", func(st State) bool {
		for _, c := range st.Containers {
			if c.Command != "/web" || c.StartedAt.IsZero() || !c.FinishedAt.IsZero() {
				return false
			}
		}
		return true
	})
	if f.count(&f.most) > maxInspects || f.count(&f.inspects) != 50 {
		t.Errorf("%d inspections, %d at once", f.count(&f.inspects), f.most)
	}
}

func TestEventMakesState(t *testing.T) {
	f := newFake()
	web := f.add("web", 1)
	f.add("web", 2)
	s := watchFake(t, f, Options{NoStats: true})
	s.await("facts", func(st State) bool { return len(st.Containers) == 2 && !st.Containers[1].StartedAt.IsZero() })
	f.change(web, func(c *container.Summary, st *container.State) {
		c.State, c.Status = "exited", "Exited (137) 1 second ago"
		st.Status, st.Running, st.ExitCode, st.OOMKilled, st.FinishedAt = "exited", false, 137, true, "2026-01-02T03:05:00Z"
	})
	f.tell(t, events.ActionDie, web, "exitCode", "137")
	got := s.await("exit", func(st State) bool { return st.Containers[0].OOMKilled })
	if c := got.Containers[0]; c.State != "exited" || c.ExitCode != 137 || c.FinishedAt.IsZero() {
		t.Errorf("container %+v", c)
	}
	if got.Overall() != Degraded {
		t.Errorf("overall %q", got.Overall())
	}
	e := s.awaitEvent("web-1 died with exit code 137")
	if e.Kind != EventDie || e.Service != "web" || e.Container != "p-web-1" || e.At.IsZero() {
		t.Errorf("event %+v", e)
	}
	if n := f.count(&f.inspects); n != 3 {
		t.Errorf("%d inspections, want the two first and the one that the event named", n)
	}
}

// TestLateList has an event come before the list says the same, as Engine 20.10 does when it is busy.
func TestLateList(t *testing.T) {
	f := newFake()
	web := f.add("web", 1)
	s := watchFake(t, f, Options{NoStats: true})
	s.await("facts", func(st State) bool { return !st.Containers[0].StartedAt.IsZero() })
	f.change(web, func(_ *container.Summary, st *container.State) {
		st.Status, st.Running, st.FinishedAt = "exited", false, "2026-01-02T03:05:00Z"
		f.late = map[string]string{web: "exited"}
	})
	f.tell(t, events.ActionDie, web, "exitCode", "137")
	s.await("exit", func(st State) bool { return st.Containers[0].State == "exited" })
}

func TestNothingChangedSendsNothing(t *testing.T) {
	f := newFake()
	f.add("web", 1, func(s *container.Summary, _ *container.InspectResponse) {
		s.Ports = []container.Port{{PrivatePort: 1, Type: "tcp"}, {PrivatePort: 2, Type: "tcp"}}
	})
	s := watchFake(t, f, Options{NoStats: true, pace: pace{relist: 20 * time.Millisecond}})
	s.await("facts", func(st State) bool { return !st.Containers[0].StartedAt.IsZero() })
	before, _ := s.counts()
	lists := f.count(&f.lists)
	f.change("id-web-1", func(c *container.Summary, _ *container.State) {
		c.Status = "Up 3 seconds" // only the engine's clock went on
		c.Ports = []container.Port{c.Ports[1], c.Ports[0]}
	})
	pass(300 * time.Millisecond)
	if after, _ := s.counts(); after != before || f.count(&f.lists) < lists+5 {
		t.Errorf("%d states more from %d lists", after-before, f.count(&f.lists)-lists)
	}
}

func TestManyEventsMakeFewStates(t *testing.T) {
	f := newFake()
	web := f.add("web", 1)
	s := watchFake(t, f, Options{NoStats: true})
	s.await("state", func(State) bool { return true })
	before, _ := s.counts()
	began := time.Now()
	for i := range 200 {
		f.change(web, func(c *container.Summary, st *container.State) { c.Image, st.ExitCode = fmt.Sprint(i), i })
		f.tell(t, events.ActionUpdate, web)
	}
	s.await("last", func(st State) bool { return st.Containers[0].Image == "199" && st.Containers[0].ExitCode == 199 })
	after, _ := s.counts()
	if most := 3 + int(time.Since(began)/(100*time.Millisecond)); after-before > most {
		t.Errorf("%d states, want at most %d", after-before, most)
	}
}

func TestReconnect(t *testing.T) {
	f := newFake()
	f.add("web", 1)
	s := watchFake(t, f, Options{StatsEvery: 50 * time.Millisecond, pace: pace{second: 10 * time.Millisecond}})
	s.await("usage", func(st State) bool { return len(st.Containers) == 1 && st.Containers[0].Usage != nil })
	f.setDown(errors.New("gone"))
	lost := s.await("loss", func(st State) bool { return st.Err != nil })
	if len(lost.Containers) != 1 || lost.Containers[0].Usage != nil || !lost.RetryAt.After(lost.At) || lost.Overall() != Unreachable {
		t.Errorf("lost state %+v", lost)
	}
	f.add("web", 2) // nobody hears of it
	f.setDown(nil)
	again := s.await("reconnection", func(st State) bool { return st.Err == nil && len(st.Containers) == 2 && st.Containers[1].Usage != nil })
	if !again.RetryAt.IsZero() {
		t.Errorf("state %+v", again)
	}
	if e := s.awaitEvent("the engine answers again"); e.Kind != EventReconnect {
		t.Errorf("event %+v", e)
	}
}

func TestEngineNotThereAtFirst(t *testing.T) {
	f := newFake()
	f.add("web", 1)
	f.down = errors.New("refused")
	s := watchFake(t, f, Options{NoStats: true})
	st := s.await("error", func(st State) bool { return st.Err != nil })
	if st.Err.Error() != `watching project "p": refused` || st.Containers == nil || len(st.Containers) != 0 {
		t.Errorf("state %+v", st)
	}
	f.setDown(nil)
	s.await("containers", func(st State) bool { return st.Err == nil && len(st.Containers) == 1 })
}

func TestRunEndsWhileConnecting(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := Run(ctx, func(ctx context.Context) (Source, Engine, error) {
		<-ctx.Done()
		return nil, Engine{}, ctx.Err()
	}, Options{}, Sink{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run returned %v", err)
	}
}

func TestSlowContainerDelaysNobody(t *testing.T) {
	f := newFake()
	f.add("web", 1)
	f.slowStats[f.add("web", 2)] = true
	s := watchFake(t, f, Options{StatsEvery: 100 * time.Millisecond, pace: pace{second: 10 * time.Millisecond, settle: 20 * time.Millisecond}})
	began := time.Now()
	st := s.await("usage", func(st State) bool { return len(st.Containers) == 2 && st.Containers[0].Usage != nil })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	u := st.Containers[0].Usage
	if u.Memory != 1000 || u.MemoryLimit != 0 || u.PIDs != 3 || u.CPU <= 0 || st.Containers[1].Usage != nil {
		t.Errorf("usage %+v", u)
	}
}

func TestUsageEndsWithTheContainer(t *testing.T) {
	f := newFake()
	web := f.add("web", 1)
	s := watchFake(t, f, Options{StatsEvery: 30 * time.Millisecond, pace: pace{second: 10 * time.Millisecond}})
	s.await("usage", func(st State) bool { return st.Containers[0].Usage != nil })
	f.change(web, func(c *container.Summary, _ *container.State) { c.State = "exited" })
	f.tell(t, events.ActionStop, web)
	s.await("no usage", func(st State) bool { return st.Containers[0].State == "exited" && st.Containers[0].Usage == nil })
	asked := f.count(&f.stats)
	pass(100 * time.Millisecond)
	if more := f.count(&f.stats) - asked; more > 1 {
		t.Errorf("asked %d times about a stopped container", more)
	}
}

func TestSleepOfTheMachine(t *testing.T) {
	f := newFake()
	f.add("web", 1)
	began := time.Now()
	s := watchFake(t, f, Options{StatsEvery: 50 * time.Millisecond, pace: pace{
		second: 10 * time.Millisecond,
		wall: func() time.Time {
			if time.Since(began) > 300*time.Millisecond {
				return time.Now().Add(time.Hour)
			}
			return time.Now()
		},
	}})
	s.await("facts", func(st State) bool { return !st.Containers[0].StartedAt.IsZero() })
	lists, inspects := f.count(&f.lists), f.count(&f.inspects)
	s.until("list after the sleep", func() bool { return f.count(&f.lists) > lists && f.count(&f.inspects) > inspects })
	pass(200 * time.Millisecond)
	if more := f.count(&f.lists) - lists; more != 1 {
		t.Errorf("listed %d times", more)
	}
}

func TestStateNeverChanges(t *testing.T) {
	f := newFake()
	web := f.add("web", 1)
	s := watchFake(t, f, Options{NoStats: true})
	first := s.await("state", func(State) bool { return true })
	f.change(web, func(c *container.Summary, _ *container.State) { c.State = "paused" })
	f.tell(t, events.ActionPause, web)
	s.await("pause", func(st State) bool { return st.Containers[0].State == "paused" })
	if first.Containers[0].State != "running" {
		t.Error("the first state changed")
	}
}
