package stack_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/stack"
)

// loadAll reads the Compose files and selects all services whose profile is enabled.
func loadAll(ctx context.Context, o stack.Options) (*stack.Stack, error) {
	s, err := stack.Read(ctx, o)
	if err != nil {
		return nil, err
	}
	return s.Select(ctx, nil)
}

// load writes the Compose file into a temporary folder and loads it.
func load(t *testing.T, compose string, change ...func(*stack.Options)) (*stack.Stack, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "compose.yaml")
	if err := os.WriteFile(file, []byte(compose), 0o600); err != nil {
		t.Fatal(err)
	}
	o := stack.Options{Files: []string{file}, ProjectName: "p"}
	for _, f := range change {
		f(&o)
	}
	return loadAll(t.Context(), o)
}

func embedded(t *testing.T, env map[string]string) *stack.Stack {
	t.Helper()
	s, err := loadAll(t.Context(), stack.Options{Default: assets.FS, WorkingDir: t.TempDir(), Environment: env})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEmbeddedStack(t *testing.T) {
	s := embedded(t, nil)
	if s.Project.Name != "stackctl" || !s.Together() || s.Extension.Ready.Path != "/readyz" || s.Extension.Store.Via != "web" {
		t.Fatalf("embedded stack: name %q, extension %+v", s.Project.Name, s.Extension)
	}
	nginx := s.Project.Services["nginx"]
	if p := nginx.Ports[0]; p.HostIP != "127.0.0.1" || p.Published != "5002" || p.Target != 5002 {
		t.Errorf("nginx is published on %+v", p)
	}
	if len(s.Project.Services["redis"].Ports) != 0 {
		t.Error("redis is published")
	}
	if !strings.Contains(s.Project.Configs["nginx_conf"].Content, "upstream web {") {
		t.Error("the content of nginx.conf was not brought in")
	}
	for name, svc := range s.Project.Services {
		if !svc.ReadOnly || svc.User == "" || len(svc.CapDrop) != 1 || len(svc.SecurityOpt) != 1 || svc.MemLimit == 0 ||
			svc.CPUS == 0 || svc.PidsLimit == 0 || svc.Logging == nil || svc.HealthCheck == nil || svc.Restart == "" {
			t.Errorf("service %q is not hardened: %+v", name, svc)
		}
	}
}

// TestEmbeddedStackIsValid loads the embedded file as a user's, which is validated against the specification's schema.
func TestEmbeddedStackIsValid(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, assets.FS); err != nil {
		t.Fatal(err)
	}
	s, err := loadAll(t.Context(), stack.Options{Files: []string{filepath.Join(dir, "compose.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range s.Project.ServiceNames() {
		mine, err := stack.Hash(s.Project.Services[name])
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := stack.Hash(embedded(t, nil).Project.Services[name])
		if err != nil || mine != theirs {
			t.Errorf("service %q means something else when it is not validated", name)
		}
	}
}

func TestPortVariable(t *testing.T) {
	s := embedded(t, map[string]string{"STACKCTL_PORT": "6001"})
	if got := s.Project.Services["nginx"].Ports[0].Published; got != "6001" {
		t.Errorf("published on %q, want 6001", got)
	}
}

func TestErrorsNameFileLineAndKey(t *testing.T) {
	for _, test := range []struct{ name, compose, want string }{
		{"syntax", "services:\n  web:\n    image: [a\n", "compose.yaml:"},
		{"unknown key", "services:\n  web:\n    image: a\n    imagee: b\n", `compose.yaml:4: key "services.web.imagee": unknown key`},
		{"unsupported key", "services:\n  web:\n    image: a\n    privileged: true\n", `compose.yaml:4: key "services.web.privileged": not supported`},
		{"unsupported nested key", "services:\n  web:\n    image: a\n    deploy:\n      placement: {constraints: [a]}\n", `compose.yaml:5: key "services.web.deploy.placement`},
		{"unsupported top level", "services:\n  web: {image: a}\nmodels:\n  m: {model: x}\n", `key "models`},
		{"wrong type", "services:\n  web:\n    image: a\n    ports: 12\n", `compose.yaml:4: key "services.web.ports"`},
		{"unknown dependency", "services:\n  web:\n    image: a\n    depends_on: [db]\n", `"db"`},
		{"missing config file", "services:\n  web: {image: a, configs: [c]}\nconfigs:\n  c: {file: ./none}\n", `compose.yaml:4: key "configs.c"`},
		{"our extension misspelt", "x-stackctl:\n  redy: {}\nservices:\n  web: {image: a}\n", `compose.yaml:1: key "x-stackctl"`},
		{"our extension of a service", "services:\n  web:\n    image: a\n    x-stackctl: {bild: self}\n", `compose.yaml:4: key "services.web.x-stackctl"`},
		{"ready names no service", "x-stackctl:\n  ready: {service: x, port: 1, path: /}\nservices:\n  web: {image: a}\n", `compose.yaml:2: key "x-stackctl.ready": finding service "x"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.compose)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant ...%s...", err, test.want)
			}
		})
	}
}

func TestProjectName(t *testing.T) {
	for name, ok := range map[string]bool{"shop": true, "a-b_c9": true, "Shop": false, "a b": false, "-a": false, "a/b": false, "é": false} {
		if err := stack.CheckProjectName(name); (err == nil) != ok {
			t.Errorf("CheckProjectName(%q) = %v", name, err)
		}
	}
	_, err := load(t, "services:\n  web: {image: a}\n", func(o *stack.Options) { o.ProjectName = "My Shop" })
	if err == nil || !strings.Contains(err.Error(), `"myshop"`) {
		t.Errorf("no suggestion in %v", err)
	}
}

func TestAReadyPathIsAPath(t *testing.T) {
	for _, path := range []string{"@127.0.0.1:1/x", "http://elsewhere/", ""} {
		dir := folder(t, map[string]string{"c.yaml": "x-stackctl: {ready: {service: a, port: 80, path: '" + path + "'}}\nservices: {a: {image: i, ports: ['80:80']}}\n"})
		_, err := loadAll(t.Context(), stack.Options{Files: []string{filepath.Join(dir, "c.yaml")}, ProjectName: "p"})
		if err == nil || !strings.Contains(err.Error(), `c.yaml:1: key "x-stackctl.ready.path"`) {
			t.Errorf("%q: %v", path, err)
		}
	}
}
