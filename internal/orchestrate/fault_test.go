package orchestrate_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/stack"
)

// situations are what an up can be at work on.
func situations(t *testing.T) map[string]func(w *world) {
	plain, three := embedded(t), embedded(t, "services: {web: {scale: 3}}")
	changed, network := embedded(t, "services: {web: {mem_limit: 256m}, nginx: {mem_limit: 64m}}"), embedded(t, "networks: {default: {internal: true}}")
	between := func(before, wanted *stack.Stack) func(w *world) {
		return func(w *world) {
			w.use(before)
			w.up()
			w.use(wanted)
		}
	}
	return map[string]func(w *world){
		"from nothing": func(*world) {},
		"recreate":     between(plain, changed),
		"scale up":     between(plain, three),
		"scale down":   between(three, plain),
		"rollout":      between(three, embedded(t, "services: {web: {scale: 3, mem_limit: 256m}}")),
		"network":      between(plain, network),
		"config":       between(plain, withConf(t, "multi_accept on", "multi_accept off")),
		"paused": func(w *world) {
			between(plain, withConf(t, "multi_accept on", "multi_accept off"))(w)
			w.Pause("stackctl-nginx-1")
		},
		"ordered": between(plain, embedded(t, "x-stackctl: {start: ordered}\nservices: {web: {mem_limit: 256m}, redis: {mem_limit: 256m}, nginx: {mem_limit: 256m}}")),
	}
}

// Each call to the engine in turn fails, or does its work and then loses its answer: up says which object it was about, and
// the next up makes it good.
func TestEveryCallOfUpMayFail(t *testing.T) {
	plain := embedded(t)
	for name, situation := range situations(t) {
		for _, lost := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", failed", true: ", answer lost"}[lost], func(t *testing.T) {
				for k, more := 1, true; more; k++ {
					w := newWorld(t, plain)
					situation(w)
					more = w.brokenCall(k, lost, func() error {
						_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
						return err
					})
					w.up()
					w.settled()
				}
			})
		}
	}
}

func TestEveryCallOfDownMayFail(t *testing.T) {
	two := embedded(t, "services: {web: {scale: 2}}")
	synctest.Test(t, func(t *testing.T) {
		for _, lost := range []bool{false, true} {
			for k, more := 1, true; more; k++ {
				w := newWorld(t, two)
				w.up()
				more = w.brokenCall(k, lost, func() error {
					observed, err := observe.Project(t.Context(), w, projectName)
					if err != nil {
						return err
					}
					return apply.Plan(t.Context(), w, planner.Down(observed, planner.DownOptions{Volumes: true}), nil)
				})
				w.down(planner.DownOptions{Volumes: true})
				if left := w.Dump(); left != "network bridge: 172.17.0.0/16\n" {
					t.Fatalf("left after the second down:\n%s", left)
				}
			}
		}
	})
}

// brokenCall breaks the k-th call of do and checks its error; it reports whether do made so many calls.
func (w *world) brokenCall(k int, lost bool, do func() error) bool {
	w.Helper()
	names := map[string]string{} // of what calls name by ID
	for _, name := range w.names() {
		names[w.id(name)] = name
	}
	w.Forget()
	if lost {
		w.LoseAnswer(k, errBroken)
	} else {
		w.FailAt(k, errBroken)
	}
	err := do()
	calls := w.Calls()
	w.Forget()
	if len(calls) < k {
		if err != nil {
			w.Fatalf("no call was broken, yet: %v", err)
		}
		return false
	}
	broken := calls[k-1]
	if broken.Method == "ContainerInspect" || broken.Method == "Events" { // of a drain, which waits only as long as it can; up goes on without them
		return true
	}
	if !errors.Is(err, errBroken) {
		w.Fatalf("call %d (%s %q) broke, yet up returned %v", k, broken.Method, broken.Object, err)
	}
	object := broken.Object
	if name, ok := names[object]; ok {
		object = name
	}
	if strings.HasSuffix(broken.Method, "List") {
		object = "listing " + strings.ToLower(strings.TrimSuffix(broken.Method, "List")) + "s"
	}
	if broken.Method != "NetworkRemove" && !strings.Contains(err.Error(), object) || !strings.Contains(err.Error(), "ing ") {
		w.Fatalf("call %d (%s %s) broke; the error does not name its object: %v", k, broken.Method, object, err)
	}
	return true
}
