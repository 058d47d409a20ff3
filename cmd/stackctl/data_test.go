package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
)

// TestDataIsKept replaces containers whose data is in anonymous volumes, as the image and as the Compose file want them: the
// data is there in the new ones, whether they come of `up` or of `rollback`, and only what is told to removes it.
func TestDataIsKept(t *testing.T) {
	needEngine(t)
	project := ownProject("data")
	t.Cleanup(func() {
		cleanUp(t, project)
		removeImages(t, project+"-image", project+"-file")
	})
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Dockerfile", "FROM "+hostRedis(t)+"\nVOLUME /image\nENTRYPOINT [\"redis-server\"]\n")
	compose := func(environment string) {
		t.Helper()
		write("compose.yaml", strings.ReplaceAll(`
configs: {settings: {content: "save ''"}}
services:
  image: {build: ., command: [/etc/redis/r.conf, --dir, /image], read_only: true, configs: [{source: settings, target: /etc/redis/r.conf}], environment: {A: VALUE}}
  file: {build: ., command: [--save, "", --dir, /file], volumes: [/file], environment: {A: VALUE}}
`, "VALUE", environment))
	}
	services := []string{"image", "file"}
	run := func(args ...string) string {
		t.Helper()
		return must(t, project, "0", append([]string{"-f", "compose.yaml"}, args...)...)
	}
	kept := func(want string) {
		t.Helper()
		for _, service := range services {
			if got := run("exec", "-T", service, "redis-cli", "--raw", "get", "k"); strings.TrimSpace(got) != want {
				t.Errorf("service %s has %q, want %q", service, got, want)
			}
		}
	}
	compose("one")
	run("up", "-d", "--build")
	for _, service := range services {
		run("exec", "-T", service, "redis-cli", "set", "k", "v")
		run("exec", "-T", service, "redis-cli", "save")
	}
	before := look(t, project).VolumeNames()
	compose("two")
	run("up", "-d")
	kept("v")
	compose("three")
	run("up", "-d")
	kept("v")
	run("rollback", "file")
	kept("v")
	run("up", "-d", "--force-recreate")
	kept("v")
	if after := look(t, project).VolumeNames(); strings.Join(after, " ") != strings.Join(before, " ") || len(after) == 0 {
		t.Errorf("the volumes were %v, and are %v", before, after)
	}
	run("up", "-d", "-V", "--force-recreate")
	kept("")
	renewed := look(t, project).VolumeNames()
	run("down")
	if left := remaining(t, append(before, renewed...)); len(left) != len(before)+len(renewed) {
		t.Errorf("of %v and %v, down has left %v", before, renewed, left)
	}
	run("up", "-d")
	run("up", "-d", "--force-recreate")
	last := look(t, project).VolumeNames()
	if out := run("down", "-v", "-y", "--rmi", "local"); !strings.Contains(out, "remove image "+project+"-file") {
		t.Errorf("down has removed no image:\n%s", out)
	}
	if left := remaining(t, last); len(left) > 0 {
		t.Errorf("down -v has left %v", left)
	}
	eng := connected(t)
	for _, name := range append(before, renewed...) {
		if err := eng.VolumeRemove(t.Context(), name, false); err != nil {
			t.Error(err)
		}
	}
}

// remaining keeps the volumes that exist.
func remaining(t *testing.T, names []string) (left []string) {
	t.Helper()
	eng := connected(t)
	for _, name := range names {
		if _, err := eng.VolumeInspect(t.Context(), name); err == nil {
			left = append(left, name)
		} else if !errdefs.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	return left
}

func removeImages(t *testing.T, refs ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	eng := connected(t)
	for _, ref := range refs {
		if _, err := eng.ImageRemove(ctx, ref, image.RemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			t.Error(err)
		}
	}
}
