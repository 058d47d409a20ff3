package orchestrate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/stack"
)

// Wherever a secret's target lies, the container has it, and nothing of it stays when the container goes.
func TestSecretBelowAMount(t *testing.T) {
	for name, test := range map[string]struct {
		service, target string
		imageVolumes    []string
		mounted         bool
	}{
		"plain":                    {"", "/etc/pw", nil, false},
		"a folder below a tmpfs":   {"tmpfs: [/run]", "/run/secrets/pw", nil, false},
		"directly in a tmpfs":      {"tmpfs: ['/cfg:mode=0755']", "/cfg/pw", nil, true},
		"in a named volume":        {"volumes: ['data:/data']", "/data/sub/pw", nil, true},
		"in an anonymous volume":   {"volumes: ['/data']", "/data/pw", nil, true},
		"in a bind mount":          {"volumes: ['./conf.d:/etc/conf.d']", "/etc/conf.d/pw", nil, true},
		"in a volume of the image": {"", "/data/pw", []string{"/data"}, true},
		"read-only":                {"read_only: true", "/etc/app/pw", nil, false},
		"read-only, in a volume":   {"read_only: true, volumes: ['data:/data']", "/data/pw", nil, true},
		"a tmpfs within a volume":  {"volumes: ['data:/data'], tmpfs: [/data/tmp]", "/data/tmp/own/pw", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := withSecret(t, test.service, test.target, "geheim")
			w := newWorld(t, s)
			image := w.images["a"]
			image.Volumes = test.imageVolumes
			w.images["a"] = image
			w.up()
			if got := w.File("p-a-1", test.target); got != "geheim" {
				t.Errorf("the secret is %q", got)
			}
			info, err := w.ContainerInspect(t.Context(), "p-a-1")
			if err != nil {
				t.Fatal(err)
			}
			if mounted := strings.Contains(strings.Join(info.HostConfig.Binds, " "), "/_data/0:"+test.target+":ro"); mounted != test.mounted {
				t.Errorf("mounted by itself: %t; binds %v", mounted, info.HostConfig.Binds)
			}
			w.settled()
			w.Exit("p-a-1", 0)
			s = withSecret(t, test.service, test.target, "changed")
			w.use(s)
			w.images["a"] = image
			w.up()
			if got := w.File("p-a-1", test.target); got != "changed" {
				t.Errorf("after a change, with the container stopped, the secret is %q", got)
			}
			w.down(planner.DownOptions{})
			if dump := w.Dump(); strings.Contains(dump, "container ") || strings.Count(dump, "volume ") > strings.Count(dump, "volume p_data")+strings.Count(test.service, "'/data'") {
				t.Errorf("what stays:\n%s", dump)
			}
		})
	}
}

func withSecret(t *testing.T, service, target, content string) *stack.Stack {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pw"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if service != "" {
		service += ", "
	}
	text := fmt.Sprintf("services: {a: {%simage: a, secrets: [{source: pw, target: %s}]}}\nsecrets: {pw: {file: '%s/pw'}}\nvolumes: {data: {}}\n", service, target, dir)
	return load(t, stack.Options{Files: []string{write(t, dir, text)}, ProjectName: "p"})
}

// Whichever call fails, no container that only carried files stays.
func TestNoHelperStays(t *testing.T) {
	s := withSecret(t, "tmpfs: [/cfg]", "/cfg/pw", "geheim")
	for k := 1; ; k++ {
		w := newWorld(t, s)
		w.FailAt(k, os.ErrDeadlineExceeded)
		_, err := orchestrate.Up(t.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
		w.Forget()
		if strings.Contains(w.Dump(), "random_") && err == nil {
			t.Errorf("call %d: %s", k, w.Dump())
		}
		w.up()
		w.settled()
		w.down(planner.DownOptions{})
		if dump := w.Dump(); strings.Contains(dump, "container ") {
			t.Errorf("after down, call %d failing:\n%s", k, dump)
		}
		if err == nil {
			break
		}
	}
}

func TestReloadOfAMountedFileIsRefused(t *testing.T) {
	s := compose(t, `
services: {a: {image: a, tmpfs: [/cfg], configs: [{source: c, target: /cfg/c}], x-stackctl: {reload: SIGHUP}}}
configs: {c: {content: x}}
`)
	w := newWorld(t, s)
	_, _, err := orchestrate.Prepare(t.Context(), w, s, w.images, planner.Options{Notice: notice})
	if err == nil || !strings.Contains(err.Error(), `mounting "/cfg/c" in service "a": it lies in a volume or tmpfs`) {
		t.Errorf("err = %v", err)
	}
}
