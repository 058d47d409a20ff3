package orchestrate_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/stack"
)

// polled are the calls that are made until something is so: their number is a matter of time.
var polled = map[string]bool{"ContainerInspect": true, "ContainerTop": true, "RunCommand": true}

// What each change asks of the engine, but for what it waits with: a call that is added is added here, with its reason in the commit.
func TestCallsToTheEngine(t *testing.T) {
	one := embedded(t)
	two := embedded(t, "services: {web: {scale: 2}}")
	changed := embedded(t, "services: {web: {scale: 2, mem_limit: 100m}}")
	redis := embedded(t, "services: {web: {scale: 2, mem_limit: 100m}, redis: {mem_limit: 100m}}")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, one)
		got := map[string]string{}
		count := func(name string, do func()) {
			w.Forget()
			do()
			calls := map[string]int{}
			for _, c := range w.Calls() {
				if !polled[c.Method] {
					calls[c.Method]++
				}
			}
			var parts []string
			for _, method := range slices.Sorted(maps.Keys(calls)) {
				parts = append(parts, fmt.Sprintf("%s %d", method, calls[method]))
			}
			got[name] = strings.Join(parts, ", ")
		}
		up := func(s *stack.Stack) func() {
			return func() {
				w.use(s)
				w.up(planner.Options{Notice: notice, AwaitReady: true})
			}
		}
		count("up", up(one))
		count("up, nothing to do", up(one))
		count("scale", up(two))
		count("rollout of two replicas", up(changed))
		count("recreate one", up(redis))
		count("down", func() {
			_, err := orchestrate.Down(t.Context(), w, projectName, nil, planner.DownOptions{}, nil)
			w.check(err)
		})
		want := map[string]string{
			"up":                      "ContainerCreate 3, ContainerList 1, ContainerStart 3, CopyToContainer 3, Events 1, NetworkCreate 1, NetworkList 1, VolumeCreate 1, VolumeList 1",
			"up, nothing to do":       "ContainerList 1, ContainerStatPath 5, Events 1, NetworkList 1, VolumeList 1",
			"scale":                   "ContainerCreate 1, ContainerKill 1, ContainerList 1, ContainerStart 1, ContainerStatPath 5, CopyToContainer 5, Events 1, NetworkList 1, VolumeList 1",
			"rollout of two replicas": "ContainerCreate 3, ContainerKill 2, ContainerList 1, ContainerRemove 2, ContainerRename 2, ContainerStart 2, ContainerStatPath 8, ContainerStop 2, CopyToContainer 10, Events 1, NetworkList 1, VolumeList 1",
			"recreate one":            "ContainerCreate 2, ContainerList 1, ContainerRemove 1, ContainerRename 1, ContainerStart 1, ContainerStatPath 6, ContainerStop 1, CopyToContainer 1, Events 1, NetworkList 1, VolumeList 1",
			"down":                    "ContainerList 2, ContainerRemove 6, ContainerStop 4, NetworkList 2, NetworkRemove 1, VolumeList 2",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}
