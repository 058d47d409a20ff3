package orchestrate_test

import (
	"context"
	"errors"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
)

const leaving = "/etc/nginx/live/leaving"

// Connections are told to close when nginx is told to reload, and no longer afterwards, however the reload ends.
func TestConnectionsCloseAroundAReload(t *testing.T) {
	plain, changed := embedded(t), withConf(t, "multi_accept on", "multi_accept off")
	for name, ends := range map[string]func(w *world, cancel func()){
		"done":    func(*world, func()) {},
		"refused": func(w *world, _ func()) { w.Before(on("ContainerKill", func() error { return errors.New("refused") })) },
		"bad config": func(w *world, _ func()) {
			w.Run("stackctl-nginx-1", memory.Program{Command: func([]string, map[string]string) (string, int) { return "bad directive", 1 }})
		},
		"interrupted": func(w *world, cancel func()) {
			w.Before(on("RunCommand", func() error { cancel(); return nil }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, plain)
			w.up()
			w.use(changed)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ends(w, cancel)
			told := ""
			w.After(on("ContainerKill", func() error { told = w.File("stackctl-nginx-1", leaving); return nil }))
			_, err := orchestrate.Up(ctx, w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
			if (err == nil) != (name == "done") || (name == "done") != (told != "") {
				t.Errorf("up: %v; when nginx reloaded, the sign had %q", err, told)
			}
			if left := w.File("stackctl-nginx-1", leaving); left != "" {
				t.Errorf("the sign stays: %q", left)
			}
		})
	}
}

// Each write costs the engine some 75 ms of processor time, while the stack serves: the sign and the config that is tried, the
// config, the sign taken away, the mark of what was read.
func TestAReloadWritesLittle(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.up()
	w.use(withConf(t, "multi_accept on", "multi_accept off"))
	writes := 0
	w.Before(on("CopyToContainer", func() error { writes++; return nil }))
	wantPlan(t, w.up(), " 1 reload container stackctl-nginx-1: its content changed")
	if writes != 4 {
		t.Errorf("%d writes", writes)
	}
}

// on is a hook for the calls of a method.
func on(method string, do func() error) memory.Hook {
	return func(_ context.Context, c memory.Call) error {
		if c.Method != method {
			return nil
		}
		return do()
	}
}

// A sign that a run which was killed has left is taken away by the next one.
func TestSignThatStays(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.up()
	w.WriteFile("stackctl-nginx-1", leaving, "from before")
	wantPlan(t, w.up(), " 1 reload container stackctl-nginx-1: its content changed")
	if left := w.File("stackctl-nginx-1", leaving); left != "" {
		t.Errorf("the sign stays: %q", left)
	}
	w.settled()
}
