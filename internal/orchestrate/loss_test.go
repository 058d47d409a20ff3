package orchestrate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	dockercontainer "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/kept"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/stack"
)

// revisions lists the revisions that there are, each by what it holds.
func (w *world) revisions() (revisions []string) {
	w.Helper()
	observed, err := observe.Project(w.Context(), w, w.stack.Project.Name)
	w.check(err)
	for _, r := range kept.Revisions(observed, "") {
		revisions = append(revisions, fmt.Sprintf("revision %s %d %s", r.Service, r.Number, r.Hash[:8]))
	}
	return revisions
}

// Each call of a rollout fails in turn: until it has succeeded, no revision is gone that it drops in the end.
func TestAFailedRolloutDropsNothing(t *testing.T) {
	var limits []*stack.Stack
	for _, mb := range []int{100, 110, 120, 130, 140} {
		limits = append(limits, embedded(t, fmt.Sprintf("services: {web: {mem_limit: %dm}}", mb)))
	}
	for k, more := 1, true; more; k++ {
		w := newWorld(t, limits[0])
		for _, s := range limits[:4] {
			w.use(s)
			w.up()
		}
		if k%2 == 0 { // the newest of those that are revisions is what runs
			w.check(w.back("web", 0))
			w.check(w.back("web", 0))
		}
		w.use(limits[4])
		before := w.revisions()
		succeeded := false // all that goes before the removals has
		more = w.brokenCall(k, false, func() error {
			_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
			calls := w.Calls()
			succeeded = err == nil || len(calls) >= k && slices.Contains([]string{"ContainerRemove", "ContainerRename"}, calls[k-1].Method)
			return err
		})
		after := w.revisions()
		for _, what := range before {
			if more && !succeeded && !slices.Contains(after, what) {
				t.Fatalf("call %d broke, and %s is gone; there are %v", k, what, after)
			}
		}
	}
}

// belongings is all that the engine has, by ID or name, with what it is called.
func (w *world) belongings() map[string]string {
	w.Helper()
	have := map[string]string{}
	containers, err := w.ContainerList(w.Context(), dockercontainer.ListOptions{All: true})
	w.check(err)
	for _, c := range containers {
		have[c.ID] = "container " + c.Names[0]
	}
	networks, err := w.NetworkList(w.Context(), network.ListOptions{})
	w.check(err)
	for _, n := range networks {
		have["network "+n.Name] = fmt.Sprintf("network %s (%v)", n.Name, n.IPAM.Config)
	}
	volumes, err := w.VolumeList(w.Context(), volume.ListOptions{})
	w.check(err)
	for _, v := range volumes.Volumes {
		have["volume "+v.Name] = "volume " + v.Name
	}
	return have
}

const changeable = `
services:
  db: {image: db, volumes: [/data], mem_limit: 100m}
  app: {image: app, depends_on: [db], configs: [{source: c, target: /etc/c.conf}], networks: [default, back], mem_limit: 100m}
  web: {image: web, scale: 1, ports: ['80']}
networks: {default: {}, back: {internal: false}}
configs: {c: {content: one}}
`

// change is what a verb does to a stack that before has made.
type change struct{ before, do func(w *world) error }

func changes(t *testing.T) map[string]change {
	with := func(changed ...string) *stack.Stack {
		return compose(t, strings.NewReplacer(changed...).Replace(changeable))
	}
	up := func(s *stack.Stack, options ...planner.Options) func(w *world) error {
		return func(w *world) error {
			w.use(s)
			_, err := orchestrate.Up(w.Context(), w, s, w.images, one(options), nil, nil)
			return err
		}
	}
	plain, larger := with(), with("100m", "200m")
	after := func(states ...func(w *world)) func(w *world) error {
		return func(w *world) error {
			err := up(plain)(w)
			for _, state := range states {
				state(w)
			}
			return err
		}
	}
	two, changed := embedded(t, "services: {web: {scale: 2}}"), embedded(t, "services: {web: {scale: 2, mem_limit: 256m}}")
	wait, orphans := planner.Options{Notice: notice, AwaitReady: true}, planner.Options{Notice: notice, RemoveOrphans: true}
	return map[string]change{
		"replace":            {up(plain), up(larger)},
		"replace and wait":   {up(plain), up(larger, wait)},
		"recreate":           {up(plain), up(plain, planner.Options{Notice: notice, ForceRecreate: true})},
		"of a paused one":    {after(func(w *world) { w.Pause("p-db-1") }), up(larger, wait)},
		"of exited ones":     {after(func(w *world) { w.Exit("p-db-1", 1); w.Exit("p-app-1", 0) }), up(larger)},
		"of a dead one":      {after(func(w *world) { w.Die("p-app-1") }), up(larger)},
		"of new ones":        {func(w *world) error { w.failing("ContainerStart", func() { _ = up(plain)(w) }); return nil }, up(larger)},
		"of renamed ones":    {after(func(w *world) { w.Rename("p-db-1", "x"); w.Rename("p-web-1", "p-db-1") }), up(larger)},
		"of one that is off": {after(func(w *world) { w.Disconnect("p-db-1", "p_default") }), up(plain)},
		"config":             {up(plain), up(with("one", "two"))},
		"network":            {up(plain), up(with("internal: false", "internal: true"))},
		"networks, paused":   {after(func(w *world) { w.Pause("p-app-1"); w.Exit("p-db-1", 0) }), up(with("internal: false", "internal: true", "default: {}", "default: {internal: true}"))},
		"network of nobody":  {after(func(w *world) { w.removeContainer("p-app-1") }), up(with("internal: false", "internal: true"))},
		"scale up":           {up(plain), up(with("scale: 1", "scale: 3"))},
		"scale down":         {up(with("scale: 1", "scale: 3")), up(larger)},
		"port":               {up(with("'80'", "'8080:80'")), up(with("'80'", "'8081:80'"))},
		"port moves":         {up(compose(t, "services: {z: {image: z, ports: ['80:80']}}")), up(compose(t, "services: {a: {image: a, ports: ['80:80']}, z: {image: z}}"))},
		"port of an orphan":  {up(compose(t, "services: {z: {image: z, ports: ['80:80'], volumes: [/data]}}")), up(compose(t, "services: {a: {image: a, ports: ['80:80']}}"), orphans)},
		"name moves":         {up(compose(t, "services: {z: {image: z, container_name: xx}}")), up(compose(t, "services: {a: {image: a, container_name: xx}}"), orphans)},
		"orphans":            {up(plain), up(compose(t, "services: {db: {image: db, volumes: [/data], cpus: 2}}\nnetworks: {default: {internal: true}}"), orphans)},
		"rollout":            {up(two), up(changed, wait)},
		"rollback":           {func(w *world) error { return errors.Join(up(two)(w), up(changed)(w)) }, func(w *world) error { return w.back("web", 0) }},
	}
}

// breakage is how a call fails.
type breakage struct {
	name string
	at   func(w *world, k int)
}

var breakages = []breakage{
	{"failed", func(w *world, k int) { w.FailAt(k, errBroken) }},
	{"answer lost", func(w *world, k int) { w.LoseAnswer(k, errBroken) }},
	{"failed for good", func(w *world, k int) {
		var mu sync.Mutex
		var broken memory.Call
		w.Before(func(_ context.Context, c memory.Call) error {
			mu.Lock()
			defer mu.Unlock()
			if c.N == k {
				broken = c
			}
			if broken.N > 0 && c.Method == broken.Method && c.Object == broken.Object {
				return errBroken
			}
			return nil
		})
	}},
}

// Each call of each change fails in turn: until all else has succeeded, nothing that was there is gone, but for a network that
// is named; and if everything is said to be put back, it is.
func TestAFailedChangeLosesNothing(t *testing.T) {
	breakages := breakages
	if testing.Short() {
		breakages = breakages[:1]
	}
	for name, c := range changes(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, how := range breakages {
					for k := 1; loses(t, c, how, k); k++ {
					}
				}
			})
		})
	}
}

// loses reports whether the change made so many calls.
func loses(t *testing.T, c change, how breakage, k int) (more bool) {
	w := &world{tb: t, Engine: memory.New()}
	w.check(c.before(w))
	look := func() string { return strings.ReplaceAll(w.Dump(), ": created", ": exited") } // started and stopped again
	before, looked := w.belongings(), look()
	w.Forget()
	how.at(w, k)
	err := c.do(w)
	calls := w.Calls()
	w.Forget()
	if len(calls) < k {
		return false
	}
	broken := calls[k-1]
	_, isOld := before[broken.Object]
	removing := broken.Method == "ContainerRemove" && (isOld || strings.Contains(broken.Object, "-revision-")) ||
		broken.Method == "ContainerRename" && strings.Contains(broken.Object, "_") // to the name that is free by then
	after := w.belongings()
	for key, what := range before {
		if _, there := after[key]; !there && err != nil && !removing && !strings.Contains(err.Error(), strconv.Quote(strings.TrimPrefix(key, "network "))) {
			t.Fatalf("call %d (%s %s) %s; %s is gone: %v\nit was:\n%sit is:\n%s", k, broken.Method, broken.Object, how.name, what, err, looked, w.Dump())
		}
	}
	if undone := (*orchestrate.UndoneError)(nil); errors.As(err, &undone) && look() != looked {
		t.Fatalf("call %d (%s %s) %s: %v\nit was:\n%sit is:\n%s", k, broken.Method, broken.Object, how.name, err, looked, look())
	}
	if err := c.do(w); err != nil && !strings.Contains(err.Error(), "none is kept") { // a rollback that was done, but for the rest
		t.Fatalf("call %d (%s %s) %s; the next try: %v\n%s", k, broken.Method, broken.Object, how.name, err, w.Dump())
	}
	return true
}

// Each call of a down fails in turn: as long as a container is left, so are the data, the revisions and the history.
func TestAFailedDownKeepsWhatTheRestNeeds(t *testing.T) {
	const file = "services: {a: {image: a, scale: 2, mem_limit: 100m, volumes: [/data, 'v:/v']}}\nvolumes: {v: {}}\n"
	before, s := compose(t, file), compose(t, strings.Replace(file, "100m", "200m", 1))
	synctest.Test(t, func(t *testing.T) {
		for _, how := range breakages {
			for k, more := 1, true; more; k++ {
				w := newWorld(t, before)
				w.up()
				w.use(s)
				w.up()
				w.check(kept.Remember(t.Context(), w, "p", kept.Entry{Command: "up"}))
				all := w.belongings()
				w.Forget()
				how.at(w, k)
				observed, err := observe.Project(t.Context(), w, "p")
				if err == nil {
					err = apply.Plan(t.Context(), w, planner.Down(observed, planner.DownOptions{Volumes: true}), nil)
				}
				more = len(w.Calls()) >= k
				w.Forget()
				containers, listing := observe.Containers(t.Context(), w, "p")
				w.check(listing)
				left := w.belongings()
				for key, what := range all {
					if _, there := left[key]; !there && len(containers) > 0 && !strings.HasPrefix(what, "container /p-a-") {
						t.Fatalf("call %d %s: %s is gone: %v\n%s", k, how.name, what, err, w.Dump())
					}
				}
			}
		}
	})
}

// A changed network goes before the new one is there: where the engine does not make that one, however often it is asked, the
// old one is made again, and all that was on it is at its old address.
func TestANetworkThatCannotBeMadeComesBack(t *testing.T) {
	plain := embedded(t)
	taken := embedded(t, "networks: {default: {ipam: {config: [{subnet: 10.44.0.0/24}]}}}")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, plain)
		w.up()
		w.create("oneoff", map[string]string{label.Project: projectName, label.Service: "web", label.OneOff: "True"}, "stackctl_default")
		w.check(w.ContainerStart(t.Context(), "oneoff", dockercontainer.StartOptions{}))
		w.Pause("stackctl-web-1")
		w.createNetworkIn("office", "10.44.0.0/16")
		before, address := w.Dump(), w.addresses("web")
		w.use(taken)
		_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
		if undone := (*orchestrate.UndoneError)(nil); !errors.As(err, &undone) || !strings.Contains(err.Error(), "Pool overlaps") {
			t.Errorf("up: %v", err)
		}
		if after := w.Dump(); after != before || !slices.Equal(address, w.addresses("web")) || w.Address("oneoff", "stackctl_default") == "" {
			t.Errorf("was:\n%sis:\n%sweb is at %v, was at %v", before, after, w.addresses("web"), address)
		}
		w.removeNetwork("office")
		w.up()
		if left := w.plan(); !left.Empty() {
			t.Errorf("left to do:\n%s", left)
		}
		if w.State("oneoff") != "running" || w.Address("oneoff", "stackctl_default") == "" {
			t.Errorf("the one-off container is not on the new network:\n%s", w.Dump())
		}
	})
}

// A network is not taken from a service that is not part of the run.
func TestANetworkOfOthersStays(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.up()
	before := w.Dump()
	only, err := embedded(t, "networks: {default: {internal: true}}").Only(t.Context(), []string{"web"})
	w.check(err)
	w.use(only)
	_, err = orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
	want := "recreating network \"stackctl_default\", because its configuration changed: containers of services that are not part of this run are on it: stackctl-nginx-1, stackctl-redis-1; run `stackctl up` for all services, or stop these first"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if after := w.Dump(); after != before {
		t.Errorf("was:\n%sis:\n%s", before, after)
	}
}
