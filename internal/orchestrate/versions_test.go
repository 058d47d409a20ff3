package orchestrate_test

import (
	"context"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
)

// useNginx makes the stack's nginx image one of a version; "" is one that does not tell it.
func (w *world) useNginx(version string) {
	w.Helper()
	image := planner.Image{Ref: w.stack.Project.Services["nginx"].Image, ID: "sha256:nginx" + version}
	w.AddImage(image.Ref, image.ID)
	if version != "" {
		image.Variables = []string{"PATH=/bin", "NGINX_VERSION=" + version}
	}
	w.SetVariables(image.Ref, image.Variables...)
	w.images["nginx"] = image
}

// closesSafely reports how nginx's config lets connections end at a reload: by its own means, or else by the sign.
func (w *world) closesSafely() bool {
	w.Helper()
	conf := w.File("stackctl-nginx-1", "/etc/nginx/live/nginx.conf")
	own := strings.Contains(conf, "    keepalive_min_timeout 2s;\n")
	if signed := strings.Contains(conf, "(-x "+leaving+")"); own == signed {
		w.Fatalf("by its own means: %t; by the sign: %t\n%s", own, signed, conf)
	}
	return own
}

// The config fits the version of the image from which the container is, whatever comes and goes.
func TestConfigFitsTheVersionOfTheImage(t *testing.T) {
	w := newWorld(t, embedded(t))
	given := false
	w.After(func(_ context.Context, call memory.Call) error {
		if call.Method == "CopyToContainer" && call.Object == "stackctl-nginx-1" {
			given = given || w.File("stackctl-nginx-1", leaving) != ""
		}
		return nil
	})
	for _, version := range []string{"1.22.1", "1.28.0", "", "1.27.4", "1.27.3"} {
		isNew := version == "1.28.0" || version == "1.27.4"
		w.useNginx(version)
		if cause := w.up().String(); !strings.Contains(cause, "image changed") && version != "1.22.1" {
			t.Errorf("%q: plan\n%s", version, cause)
		}
		w.settled()
		for _, replicas := range []int{2, 1} {
			given = false
			w.check(w.stack.Scale("web", replicas))
			w.up()
			w.settled()
			if w.closesSafely() != isNew || given == isNew {
				t.Errorf("%q with %d replicas: by its own means: %t, sign given: %t", version, replicas, w.closesSafely(), given)
			}
		}
	}
}

// A container that is kept although its image is not the wanted one has the config that any version reads.
func TestConfigOfAKeptContainer(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.useNginx("1.22.1")
	w.up()
	w.useNginx("1.28.0")
	w.check(w.stack.Scale("web", 2))
	w.up(planner.Options{Notice: notice, NoRecreate: true})
	if w.closesSafely() {
		t.Error("1.22.1 has a config for 1.28.0")
	}
}

// A change of another service leaves the config's parts for this version as they are, and so does going back.
func TestConfigStaysWithTheVersion(t *testing.T) {
	w := newWorld(t, embedded(t))
	w.useNginx("1.28.0")
	w.up()
	w.stack = embedded(t, "services: {web: {mem_limit: 100m}, nginx: {mem_limit: 100m}}")
	w.up()
	for _, service := range []string{"web", "nginx"} {
		w.check(w.back(service, 0))
		if !w.closesSafely() {
			t.Errorf("%s went back: the config is not for 1.28.0", service)
		}
	}
}
