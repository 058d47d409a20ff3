package orchestrate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	dockercontainer "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/stack"
)

// variants are the desired states between which the random tests move.
func variants(t *testing.T) []*stack.Stack {
	return []*stack.Stack{
		embedded(t),
		embedded(t, "services: {web: {scale: 3}}"),
		embedded(t, "services: {web: {environment: {REDIS_PORT: '6380'}}, redis: {mem_limit: 256m}}"),
		embedded(t, "services: {worker: {image: worker}, nginx: {mem_limit: 64m}}"),
		embedded(t, "services: {web: {image: web2, scale: 2}}"),
		embedded(t, "services: {web: {scale: 0}}"),
		embedded(t, "networks: {default: {internal: true}}"),
		embedded(t, "services: {web: {networks: [default, back]}, redis: {networks: [back]}}\nnetworks: {back: {}}"),
		withConf(t, "multi_accept on", "multi_accept off"),
	}
}

// mishap changes one thing on the engine by other hands than ours.
type mishap struct {
	name string
	do   func(t *rapid.T, w *world)
}

var mishaps = []mishap{
	{"remove", func(t *rapid.T, w *world) { w.each(t, w.removeContainer) }},
	{"exit", func(t *rapid.T, w *world) {
		w.each(t, func(name string) { w.Exit(name, rapid.SampledFrom([]int{0, 1, 137}).Draw(t, "code")) })
	}},
	{"stop all", func(_ *rapid.T, w *world) {
		for _, name := range w.names() {
			w.Exit(name, 0)
		}
	}},
	{"start", func(t *rapid.T, w *world) {
		w.each(t, func(name string) { _ = w.ContainerStart(w.Context(), name, dockercontainer.StartOptions{}) })
	}},
	{"pause", func(t *rapid.T, w *world) {
		w.each(t, func(name string) {
			if w.State(name) == "running" {
				w.Pause(name)
			}
		})
	}},
	{"restarting", func(t *rapid.T, w *world) { w.each(t, func(name string) { w.Restarting(name, 2) }) }},
	{"die", func(t *rapid.T, w *world) { w.each(t, w.Die) }},
	{"rename", func(t *rapid.T, w *world) { w.each(t, func(name string) { w.Rename(name, w.fresh("0123_"+name)) }) }},
	{"other hash", func(t *rapid.T, w *world) {
		w.each(t, func(name string) { w.SetLabel(name, label.ConfigHash, "0123") })
	}},
	{"other number", func(t *rapid.T, w *world) {
		w.each(t, func(name string) {
			w.SetLabel(name, label.ContainerNumber, rapid.SampledFrom([]string{"", "0", "1", "2", "9"}).Draw(t, "number"))
		})
	}},
	{"no role", func(t *rapid.T, w *world) {
		w.each(t, func(name string) { w.SetLabel(name, label.Front, "") })
	}},
	{"other file", func(t *rapid.T, w *world) { w.each(t, func(name string) { w.WriteFile(name, conf, "# changed\n") }) }},
	{"disconnect", func(t *rapid.T, w *world) {
		w.each(t, func(name string) {
			w.Disconnect(name, rapid.SampledFrom([]string{"stackctl_default", "stackctl_back"}).Draw(t, "network"))
		})
	}},
	{"remove network", func(t *rapid.T, w *world) {
		_ = w.NetworkRemove(w.Context(), rapid.SampledFrom([]string{"stackctl_default", "stackctl_back"}).Draw(t, "network"))
	}},
	{"remove volume", func(_ *rapid.T, w *world) { _ = w.VolumeRemove(w.Context(), "stackctl_redis-data", false) }},
	{"take a subnet", func(t *rapid.T, w *world) {
		subnet := fmt.Sprintf("10.213.%d.0/24", rapid.IntRange(0, 255).Draw(t, "subnet"))
		_, _ = w.NetworkCreate(w.Context(), w.fresh("foreign_net"), network.CreateOptions{IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet}}}})
	}},
	{"one-off", func(_ *rapid.T, w *world) {
		name := w.fresh("oneoff")
		w.create(name, map[string]string{label.Project: projectName, label.Service: "web", label.OneOff: "True"}, "stackctl_default")
		_ = w.ContainerStart(w.Context(), name, dockercontainer.StartOptions{})
	}},
	{"surplus replica", func(t *rapid.T, w *world) {
		service, number := rapid.SampledFrom([]string{"web", "nginx", "gone"}).Draw(t, "service"), rapid.IntRange(0, 9).Draw(t, "number")
		name := fmt.Sprintf("stackctl-%s-%d", service, number)
		if w.Has(name) {
			return
		}
		w.create(name, map[string]string{
			label.Project: projectName, label.Service: service, label.ContainerNumber: fmt.Sprint(number), label.OneOff: "False",
		}, "stackctl_default")
		_ = w.ContainerStart(w.Context(), name, dockercontainer.StartOptions{})
	}},
	{"foreign", func(_ *rapid.T, w *world) { w.foreign(w.fresh("foreign"), "shop") }},
}

// names lists the project's containers.
func (w *world) names() []string {
	w.Helper()
	containers, err := observe.Containers(w.Context(), w, projectName)
	w.check(err)
	var names []string
	for _, c := range containers {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// each does something to one container of the project, if it has any.
func (w *world) each(t *rapid.T, do func(name string)) {
	if names := w.names(); len(names) > 0 {
		do(rapid.SampledFrom(names).Draw(t, "container"))
	}
}

// fresh adds a number to a name so that no object has it.
func (w *world) fresh(name string) string {
	dump := w.Dump()
	for i := 1; ; i++ {
		if candidate := fmt.Sprint(name, i); !strings.Contains(dump, candidate) {
			return candidate
		}
	}
}

// randomState brings the engine into any state that ups, interrupted ones too, and other hands can leave.
func randomState(t *rapid.T, all []*stack.Stack) *world {
	w := newWorld(t, all[0])
	for range rapid.IntRange(0, 3).Draw(t, "rounds") {
		w.use(all[rapid.IntRange(0, len(all)-1).Draw(t, "variant")])
		w.Forget()
		switch rapid.IntRange(0, 2).Draw(t, "fault") {
		case 1:
			w.FailAt(rapid.IntRange(1, 30).Draw(t, "call"), errBroken)
		case 2:
			w.LoseAnswer(rapid.IntRange(1, 30).Draw(t, "call"), errBroken)
		}
		w.tryUp()
		w.Forget()
		for range rapid.IntRange(0, 4).Draw(t, "mishaps") {
			m := mishaps[rapid.IntRange(0, len(mishaps)-1).Draw(t, "mishap")]
			t.Log(m.name)
			m.do(t, w)
		}
	}
	return w
}

// foreignPart is what the engine has that is not the project's.
func (w *world) foreignPart() string {
	var lines []string
	for line := range strings.Lines(w.Dump()) {
		if strings.Contains(line, "foreign") || strings.Contains(line, "bridge") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// Whatever state the engine is in, one up makes it as described, and a second finds nothing to do.
func TestUpConvergesFromAnyState(t *testing.T) {
	all := variants(t)
	rapid.Check(t, func(t *rapid.T) {
		w := randomState(t, all)
		foreign := w.foreignPart()
		w.use(all[rapid.IntRange(0, len(all)-1).Draw(t, "wanted")])
		w.up(planner.Options{Notice: notice, RemoveOrphans: rapid.Bool().Draw(t, "remove orphans")})
		w.settled()
		if after := w.foreignPart(); after != foreign {
			t.Fatalf("foreign objects were\n%sand are\n%s", foreign, after)
		}
	})
}

// Whatever state the engine is in, one down leaves nothing of the project, and all else as it was; those in front stop
// before all others.
func TestDownRemovesEverythingFromAnyState(t *testing.T) {
	all := variants(t)
	rapid.Check(t, func(t *rapid.T) {
		w := randomState(t, all)
		foreign, hadVolume := w.foreignPart(), strings.Contains(w.Dump(), "volume stackctl_redis-data")
		volumes := rapid.Bool().Draw(t, "volumes")
		w.checkDown(volumes)
		left := w.Dump()
		if after := w.foreignPart(); after != foreign {
			t.Fatalf("foreign objects were\n%sand are\n%s", foreign, after)
		}
		if strings.Contains(left, "container stackctl") || strings.Contains(left, "container oneoff") || strings.Contains(left, "network stackctl") {
			t.Fatalf("left:\n%s", left)
		}
		if has := strings.Contains(left, "volume stackctl_redis-data"); has != (hadVolume && !volumes) {
			t.Fatalf("volumes %t, left:\n%s", volumes, left)
		}
	})
}

// checkDown is a down that looks, at each stop, whether those in front run no more.
func (w *world) checkDown(volumes bool) {
	observed, err := observe.Project(w.Context(), w, projectName)
	w.check(err)
	var fronts, others []string // by ID, as stops name them
	for _, c := range observed.Containers {
		if c.Labels[label.Front] != "" {
			fronts = append(fronts, c.ID)
		} else {
			others = append(others, c.ID)
		}
	}
	w.Before(func(_ context.Context, c memory.Call) error {
		if c.Method == "ContainerStop" && slices.Contains(others, c.Object) {
			for _, front := range fronts {
				if w.State(front) == "running" {
					return fmt.Errorf("%s was told to stop while %s ran", c.Object, front)
				}
			}
		}
		return nil
	})
	w.check(apply.Plan(w.Context(), w, planner.Down(observed, planner.DownOptions{Volumes: volumes}), nil))
	w.Forget()
}

func TestPlanDown(t *testing.T) {
	w := newWorld(t, embedded(t, "services: {web: {scale: 2}}"))
	w.up()
	w.Pause("stackctl-web-2")
	wantPlan(t, w.down(planner.DownOptions{Volumes: true}), `
 1 stop container stackctl-nginx-1: down
 2 drain container stackctl-nginx-1: down
 3 remove container stackctl-nginx-1: down (after 1)
 4 stop container stackctl-redis-1: down (after 2)
 5 remove container stackctl-redis-1: down (after 4)
 6 stop container stackctl-web-1: down (after 2)
 7 remove container stackctl-web-1: down (after 6)
 8 remove container stackctl-web-2: down (after 2)
 9 remove network stackctl_default: down (after 3, 5, 7, 8)
10 remove volume stackctl_redis-data: down --volumes (after 9)`)
	if left := w.Dump(); left != "network bridge: 172.17.0.0/16\n" {
		t.Errorf("left:\n%s", left)
	}
}

// A front that does not end holds the others back for its head start only.
func TestDownDoesNotWaitForASlowFront(t *testing.T) {
	s := embedded(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s)
		w.up()
		entered, release := w.Block("ContainerStop", w.id("stackctl-nginx-1"))
		redis := w.id("stackctl-redis-1")
		w.Before(func(_ context.Context, c memory.Call) error {
			if c.Method == "ContainerStop" && c.Object == redis {
				release()
			}
			return nil
		})
		begin := time.Now()
		w.down(planner.DownOptions{})
		<-entered
		if took := time.Since(begin); took != time.Second {
			t.Errorf("down took %s", took)
		}
	})
}

func (w *world) id(name string) string {
	containers, err := observe.Containers(w.Context(), w, projectName)
	w.check(err)
	i := slices.IndexFunc(containers, func(c observe.Container) bool { return c.Name == name })
	return containers[i].ID
}

func TestDownKeepsOrphansAndTheirNetwork(t *testing.T) {
	w := newWorld(t, embedded(t, "services: {worker: {image: worker}}"))
	w.up()
	w.create("oneoff", map[string]string{label.Project: projectName, label.Service: "tunnel", label.OneOff: "True"}, "stackctl_default")
	observed, err := observe.Project(t.Context(), w, projectName)
	if err != nil {
		t.Fatal(err)
	}
	if orphans := observed.KeepServices(embedded(t).Project.ServiceNames()); !slices.Equal(orphans, []string{"stackctl-worker-1"}) {
		t.Errorf("orphans: %v", orphans)
	}
	if err := apply.Plan(t.Context(), w, planner.Down(observed, planner.DownOptions{}), nil); err != nil {
		t.Fatal(err)
	}
	if names := w.names(); !slices.Equal(names, []string{"stackctl-worker-1"}) || w.Address("stackctl-worker-1", "stackctl_default") == "" {
		t.Errorf("left:\n%s", w.Dump())
	}
}
