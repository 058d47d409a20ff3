package stack_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/stack"
)

// What COMPOSE_* variables say counts in the environment and in a `.env`, as docker compose 5.6 has it.
func TestSurroundings(t *testing.T) {
	const app, other = "services: {app: {image: 'a:${TAG:-none}'}}\n", "services: {other: {image: b}, extra: {image: c, profiles: [x]}}\n"
	tests := []struct {
		name    string
		dotenv  string // in the working directory
		env     map[string]string
		files   []string
		project string
		want    string // project and images
	}{
		{name: "a project name beside the file", dotenv: "COMPOSE_PROJECT_NAME=shop\n", files: []string{"app.yaml"}, want: "shop a:none"},
		{name: "the environment wins", dotenv: "COMPOSE_PROJECT_NAME=shop\nTAG=1\n", env: map[string]string{"TAG": "2", "COMPOSE_PROJECT_NAME": "mall"}, files: []string{"app.yaml"}, want: "mall a:2"},
		{name: "the flag wins over both", dotenv: "COMPOSE_PROJECT_NAME=shop\n", files: []string{"app.yaml"}, project: "flag", want: "flag a:none"},
		{name: "over the file's name", dotenv: "COMPOSE_PROJECT_NAME=shop\n", files: []string{"named.yaml"}, want: "shop n"},
		{name: "a file", dotenv: "COMPOSE_FILE=other.yaml\n", project: "p", want: "p b"},
		{name: "files", dotenv: "COMPOSE_FILE=app.yaml:other.yaml\n", project: "p", want: "p a:none b"},
		{name: "files with a separator", dotenv: "COMPOSE_FILE=app.yaml,other.yaml\nCOMPOSE_PATH_SEPARATOR=,\n", project: "p", want: "p a:none b"},
		{name: "profiles", dotenv: "COMPOSE_FILE=other.yaml\nCOMPOSE_PROFILES=y, x\n", project: "p", want: "p b c"},
		{name: "the flag wins over a file", dotenv: "COMPOSE_FILE=other.yaml\n", files: []string{"app.yaml"}, project: "p", want: "p a:none"},
		{name: "env files", env: map[string]string{"COMPOSE_ENV_FILES": "tag.env,more.env"}, files: []string{"app.yaml"}, project: "p", want: "p a:3"},
		{name: "env files instead of .env", dotenv: "TAG=1\n", env: map[string]string{"COMPOSE_ENV_FILES": "more.env"}, files: []string{"app.yaml"}, project: "p", want: "p a:none"},
		{name: "no .env", dotenv: "TAG=1\n", env: map[string]string{"COMPOSE_DISABLE_ENV_FILE": "true"}, files: []string{"app.yaml"}, project: "p", want: "p a:none"},
		{name: "a .env beside a file elsewhere", dotenv: "COMPOSE_FILE=sub/app.yaml\n", project: "p", want: "p a:sub"},
		{name: "the embedded stack reads none", dotenv: "COMPOSE_PROJECT_NAME=shop\n", want: "stackctl nginx:1.28.0-alpine redis:8.2.3-alpine stackctl-web"},
		{name: "nor one that is no .env", dotenv: "what: 'is this\n", want: "stackctl nginx:1.28.0-alpine redis:8.2.3-alpine stackctl-web"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, map[string]string{"app.yaml": app, "other.yaml": other, "named.yaml": "name: file\nservices: {n: {image: n}}\n", "tag.env": "TAG=3\n", "more.env": "MORE=1\n"})
			if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"sub/app.yaml": app, "sub/.env": "TAG=sub\n", ".env": tt.dotenv} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			t.Chdir(dir)
			s, err := loadAll(t.Context(), stack.Options{Files: tt.files, Default: assets.FS, WorkingDir: dir, ProjectName: tt.project, Environment: tt.env})
			if err != nil {
				t.Fatal(err)
			}
			got := []string{s.Project.Name}
			for _, name := range s.Project.ServiceNames() {
				got = append(got, s.Project.Services[name].Image)
			}
			slices.Sort(got[1:])
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("got %q, want %q", text, tt.want)
			}
		})
	}
}

// A folder called .env, as Python's virtual environments are, holds no variables.
func TestFolderOfThatName(t *testing.T) {
	dir := folder(t, map[string]string{"c.yaml": "services: {a: {image: a}}\n"})
	if err := os.Mkdir(filepath.Join(dir, ".env"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := loadAll(t.Context(), stack.Options{Files: []string{filepath.Join(dir, "c.yaml")}, ProjectName: "p"}); err != nil {
		t.Error(err)
	}
}

// What the chosen services do not use is neither read nor demanded.
func TestOnlyWhatIsUsedIsRead(t *testing.T) {
	const missing = `
services:
  a: {image: a, networks: [front], volumes: ["data:/data"], depends_on: [b]}
  b: {image: b}
  other: {image: o, env_file: none.env, label_file: none.labels, configs: [c], secrets: [s, v], networks: [back]}
  tool: {image: t, profiles: [debug], depends_on: [helper]}
  helper: {image: h, profiles: [debug]}
networks: {front: {}, back: {external: true}, unused: {}}
volumes: {data: {}, spare: {external: true}}
configs: {c: {file: ./none}, unused: {file: ./none}}
secrets: {s: {file: ./none}, v: {environment: NONE}, unused: {file: ./none}}
`
	dir := folder(t, map[string]string{"c.yaml": strings.ReplaceAll(missing, " label_file: none.labels,", "")})
	s, err := stack.Read(t.Context(), stack.Options{Files: []string{filepath.Join(dir, "c.yaml")}, ProjectName: "p"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		services []string
		want     string
	}{
		{[]string{"a"}, "services a b, networks default front, volumes data"},
		{[]string{"b"}, "services b, networks default, volumes"},
		{[]string{"tool"}, "services helper tool, networks default, volumes"}, // naming one enables its profile
	} {
		chosen, err := s.Select(t.Context(), test.services)
		if err != nil {
			t.Errorf("%v: %v", test.services, err)
			continue
		}
		p := chosen.Project
		got := strings.Join(slices.Concat([]string{"services"}, p.ServiceNames()), " ") + strings.TrimSuffix(", networks "+strings.Join(p.NetworkNames(), " "), " ") +
			strings.TrimSuffix(", volumes "+strings.Join(p.VolumeNames(), " "), " ")
		if got != test.want || len(p.Configs) > 0 || len(chosen.Secrets) > 0 {
			t.Errorf("%v: got %q, configs %v; want %q", test.services, got, slices.Collect(maps.Keys(p.Configs)), test.want)
		}
	}
	for _, services := range [][]string{nil, {"other"}} {
		if _, err := s.Select(t.Context(), services); err == nil || !strings.Contains(err.Error(), "none.env") {
			t.Errorf("%v: got %v, want the missing env file", services, err)
		}
	}
}

// The parser's warnings are the caller's to show, each once.
func TestWarningsAreReturned(t *testing.T) {
	s, err := load(t, "version: '3'\nservices: {a: {image: 'a${NONE}', hostname: 'b${NONE}'}}\n")
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(s.Warnings, "\n"); strings.Count(text, "NONE") != 1 || !strings.Contains(text, "`version` is obsolete") {
		t.Errorf("got %q", s.Warnings)
	}
}
