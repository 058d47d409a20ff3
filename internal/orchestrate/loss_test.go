package orchestrate_test

import (
	"fmt"
	"slices"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/stack"
)

// kept lists the revisions that there are, each by what it holds.
func (w *world) kept() (kept []string) {
	w.Helper()
	observed, err := orchestrate.Observe(w.Context(), w, w.stack.Project.Name)
	w.check(err)
	for _, r := range observed.Revisions("") {
		kept = append(kept, fmt.Sprintf("revision %s %d %s", r.Service, r.Number, r.Hash[:8]))
	}
	return kept
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
		if k%2 == 0 { // the newest of those that are kept is what runs
			w.check(w.back("web", 0))
			w.check(w.back("web", 0))
		}
		w.use(limits[4])
		before := w.kept()
		succeeded := false // all that goes before the removals has
		more = w.brokenCall(k, false, func() error {
			_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, orchestrate.PlanOptions{}, nil, nil)
			calls := w.Calls()
			succeeded = err == nil || len(calls) >= k && slices.Contains([]string{"ContainerRemove", "ContainerRename"}, calls[k-1].Method)
			return err
		})
		after := w.kept()
		for _, what := range before {
			if more && !succeeded && !slices.Contains(after, what) {
				t.Fatalf("call %d broke, and %s is gone; there are %v", k, what, after)
			}
		}
	}
}
