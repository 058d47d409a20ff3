package stack_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"

	"stackctl.dev/stackctl/internal/stack"
)

// folder writes files into a temporary folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLaterFilesAreMergedOverEarlierOnes(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.yaml": "name: shop\nservices:\n  web:\n    image: web:1\n    environment: {A: a, B: b}\n    ports: ['80:80']\n    x-stackctl: {reload: SIGHUP}\n",
		"b.yaml": "services:\n  web:\n    image: web:2\n    environment: {B: c}\n    ports: ['81:81']\n  db: {image: db}\n",
	})
	s, err := loadAll(t.Context(), stack.Options{Files: []string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	web := s.Project.Services["web"]
	if got := []string{s.Project.Name, web.Image, *web.Environment["A"], *web.Environment["B"], web.Ports[0].Published, web.Ports[1].Published}; !slices.Equal(got, []string{"shop", "web:2", "a", "c", "80", "81"}) {
		t.Errorf("merged: %v", got)
	}
	if names := s.Project.ServiceNames(); !slices.Equal(names, []string{"db", "web"}) {
		t.Errorf("services: %v", names)
	}
	if stack.ServiceExtensionOf(web).Reload != "SIGHUP" {
		t.Error("the extension of the first file was lost")
	}
}

func TestErrorsNameTheFileOfSeveral(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": "services:\n  web: {image: a}\n", "b.yaml": "services:\n  web:\n    privileged: true\n", "c.yaml": "services: [\n"})
	for file, want := range map[string]string{"b.yaml": `b.yaml:3: key "services.web.privileged"`, "c.yaml": "c.yaml", "none.yaml": "none.yaml"} {
		_, err := loadAll(t.Context(), stack.Options{Files: []string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, file)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

const debugFile = "services:\n  web: {image: a}\n  shell: {image: b, profiles: [debug]}\n  trace: {image: c, profiles: [debug, trace]}\n"

func TestProfiles(t *testing.T) {
	for _, test := range []struct {
		name     string
		profiles []string
		variable string
		want     []string
	}{
		{"none", nil, "", []string{"web"}},
		{"by flag", []string{"debug"}, "", []string{"shell", "trace", "web"}},
		{"by variable", nil, "trace", []string{"trace", "web"}},
		{"several by variable", nil, "x,debug", []string{"shell", "trace", "web"}},
		{"the flag wins", []string{"trace"}, "debug", []string{"trace", "web"}},
		{"all", []string{"*"}, "", []string{"shell", "trace", "web"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := load(t, debugFile, func(o *stack.Options) {
				o.Profiles, o.Environment = test.profiles, map[string]string{"COMPOSE_PROFILES": test.variable}
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, s.Project.ServiceNames()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The environment wins over env files, later ones of these over earlier ones, and any of them over the file's default; .env
// counts only where no other is named.
func TestWhereVariablesComeFrom(t *testing.T) {
	dir := folder(t, map[string]string{
		"compose.yaml": "services: {web: {image: 'a:${TAG:-default}'}}\n",
		"one.env":      "TAG=one\n",
		"two.env":      "TAG=two\nOTHER=${TAG}\n",
		"empty.env":    "\n",
	})
	file, one, two := filepath.Join(dir, "compose.yaml"), filepath.Join(dir, "one.env"), filepath.Join(dir, "two.env")
	tag := func(o stack.Options) string {
		t.Helper()
		o.Files = []string{file}
		s, err := loadAll(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return s.Project.Services["web"].Image
	}
	set := map[string]string{"TAG": "set"}
	expect := func(what, got, want string) {
		t.Helper()
		if got != "a:"+want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	expect("nothing", tag(stack.Options{}), "default")
	expect("env file", tag(stack.Options{EnvFiles: []string{one}}), "one")
	expect("two env files", tag(stack.Options{EnvFiles: []string{one, two}}), "two")
	expect("environment over env file", tag(stack.Options{EnvFiles: []string{one}, Environment: set}), "set")
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("TAG=dot\nCOMPOSE_PROFILES=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(".env", tag(stack.Options{}), "dot")
	expect("environment over .env", tag(stack.Options{Environment: set}), "set")
	expect("named env file instead of .env", tag(stack.Options{EnvFiles: []string{filepath.Join(dir, "empty.env")}}), "default")
	if _, err := loadAll(t.Context(), stack.Options{Files: []string{file}, EnvFiles: []string{filepath.Join(dir, "none.env")}}); err == nil || !strings.Contains(err.Error(), "none.env") {
		t.Errorf("an env file that is not there: %v", err)
	}
}

func TestProfilesOfTheEnvFile(t *testing.T) {
	dir := folder(t, map[string]string{"compose.yaml": debugFile, ".env": "COMPOSE_PROFILES=debug\n"})
	s, err := loadAll(t.Context(), stack.Options{Files: []string{filepath.Join(dir, "compose.yaml")}, ProjectName: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if names := s.Project.ServiceNames(); len(names) != 3 {
		t.Errorf("services: %v", names)
	}
}

func TestSelect(t *testing.T) {
	s := embedded(t, nil)
	for _, test := range []struct {
		services, want []string
		ready          bool
	}{
		{nil, []string{"nginx", "redis", "web"}, true},
		{[]string{"nginx"}, []string{"nginx", "redis", "web"}, true},
		{[]string{"web"}, []string{"redis", "web"}, false},
		{[]string{"redis"}, []string{"redis"}, false},
	} {
		selected, err := s.Select(t.Context(), test.services)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, selected.Project.ServiceNames()); diff != "" {
			t.Errorf("Select(%v) (-want +got):\n%s", test.services, diff)
		}
		if got := selected.Extension.Ready != nil; got != test.ready {
			t.Errorf("Select(%v) has a probe: %t", test.services, got)
		}
	}
	if s.Extension.Ready == nil || len(s.Project.Services) != 3 {
		t.Error("Select changed the stack that it selects from")
	}
	if _, err := s.Select(t.Context(), []string{"wbe"}); err == nil || err.Error() != `finding service "wbe": the Compose file has [nginx redis web]` {
		t.Errorf("err = %v", err)
	}
}

func TestReplicas(t *testing.T) {
	for body, want := range map[string]int{"": 1, "scale: 3": 3, "scale: 0": 0, "deploy: {replicas: 2}": 2, "deploy: {replicas: 0}": 0} {
		s, err := load(t, "services:\n  a:\n    image: a\n    "+body+"\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := stack.Replicas(s.Project.Services["a"]); got != want {
			t.Errorf("%q: %d replicas, want %d", body, got, want)
		}
	}
}

func TestUpstreamsImplyNginxsReloadSignal(t *testing.T) {
	for extension, want := range map[string]string{"{upstreams: c}": "SIGHUP", "{upstreams: c, reload: SIGUSR1}": "SIGUSR1", "{build: self}": ""} {
		s, err := load(t, "services: {a: {image: a, x-stackctl: "+extension+"}}\nconfigs: {c: {content: x}}\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := stack.ServiceExtensionOf(s.Project.Services["a"]).Reload; got != want {
			t.Errorf("%s reloads with %q, want %q", extension, got, want)
		}
	}
}

func TestLeavingIsAFileOfAServiceThatReloads(t *testing.T) {
	for extension, good := range map[string]bool{
		"{upstreams: c, leaving: /live/leaving}": true, "{reload: SIGHUP, leaving: /live/leaving}": true,
		"{leaving: /live/leaving}": false, "{upstreams: c, leaving: leaving}": false, "{upstreams: c, leaving: /live/}": false,
	} {
		_, err := load(t, "services: {a: {image: a, x-stackctl: "+extension+"}}\nconfigs: {c: {content: x}}\n")
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "use the absolute path of a file, in a service with reload") {
			t.Errorf("%s: %v", extension, err)
		}
	}
}

func TestConfigContents(t *testing.T) {
	dir := folder(t, map[string]string{
		"compose.yaml": "services: {a: {image: a, configs: [file, text]}}\nconfigs: {file: {file: ./x.conf}, text: {content: 'v=${V}'}}\n", "x.conf": "$keep ${as} it is\n",
	})
	s, err := loadAll(t.Context(), stack.Options{Files: []string{filepath.Join(dir, "compose.yaml")}, ProjectName: "p", Environment: map[string]string{"V": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"file": "$keep ${as} it is\n", "text": "v=1"}
	got := map[string]string{}
	for name, config := range s.Project.Configs {
		got[name] = types.ConfigObjConfig(config).Content
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
