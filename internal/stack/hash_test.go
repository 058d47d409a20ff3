package stack_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/stack"
)

// service loads a file with the one service `a` and returns its hash and fields.
func service(t *testing.T, body string) (string, map[string]string) {
	t.Helper()
	s, err := load(t, "services:\n  a:\n    image: a\n"+body+"\n  b: {image: b}\nnetworks: {default: {}, n: {}}\nconfigs: {c: {content: x}}\n")
	if err != nil {
		t.Fatal(err)
	}
	hash, err := stack.Hash(s.Project.Services["a"])
	if err != nil {
		t.Fatal(err)
	}
	fields, err := stack.Fields(s.Project.Services["a"])
	if err != nil {
		t.Fatal(err)
	}
	return hash, fields
}

// What says how to build, pull, order and multiply a service is no reason to recreate its containers.
func TestHashLeavesOutWhatContainersDoNotSee(t *testing.T) {
	want, _ := service(t, "")
	for _, body := range []string{
		"    build: {context: ., args: {A: b}}",
		"    pull_policy: always",
		"    scale: 3",
		"    depends_on: [b]",
		"    depends_on: {b: {condition: service_healthy}}",
		"    x-stackctl: {reload: SIGHUP}",
		"    x-note: hello",
	} {
		if got, _ := service(t, body); got != want {
			t.Errorf("%s: the hash changed", strings.TrimSpace(body))
		}
	}
}

func TestHashLeavesOutProfiles(t *testing.T) {
	var hashes []string
	for _, profiles := range []string{"[]", "[debug]"} {
		s, err := load(t, "services: {a: {image: a, profiles: "+profiles+"}}\n", func(o *stack.Options) { o.Profiles = []string{"debug"} })
		if err != nil {
			t.Fatal(err)
		}
		hash, err := stack.Hash(s.Project.Services["a"])
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, hash)
	}
	if hashes[0] != hashes[1] {
		t.Errorf("hashes differ: %v", hashes)
	}
}

func TestHashCoversTheRest(t *testing.T) {
	seen := map[string]string{}
	for _, body := range []string{
		"", "    command: [x]", "    entrypoint: [x]", "    environment: {A: b}", "    environment: {A: c}", "    environment: {B: c}",
		"    labels: {A: b}", "    ports: ['80:80']", "    ports: ['81:80']", "    volumes: ['v:/v']\nvolumes: {v: {}}", "    user: '1'",
		"    read_only: true", "    mem_limit: 1g", "    deploy: {resources: {limits: {memory: 1g}}}", "    deploy: {resources: {limits: {memory: 2g}}}",
		"    cap_drop: [ALL]", "    healthcheck: {test: [CMD, x]}", "    networks: [n]", "    networks: {n: {aliases: [x]}}",
		"    configs: [{source: c, target: /c}]", "    configs: [{source: c, target: /d}]", "    restart: always", "    init: true",
		"    stop_signal: SIGINT", "    stop_grace_period: 3s", "    tmpfs: [/run]", "    logging: {driver: none}", "    container_name: xy",
	} {
		text := body
		if strings.Contains(body, "\nvolumes:") { // a second top-level key cannot be inside the service
			text = "    volumes: ['./v:/v']"
		}
		hash, _ := service(t, text)
		if other, ok := seen[hash]; ok {
			t.Errorf("%q and %q have one hash", body, other)
		}
		seen[hash] = body
	}
}

// A file has one hash, regardless of the order of its keys.
func TestHashIsStable(t *testing.T) {
	one, _ := service(t, "    environment: {A: b, C: d, E: f}\n    labels: {x: y, z: w}\n    mem_limit: 64m")
	for range 20 {
		two, _ := service(t, "    mem_limit: 65536k\n    labels: [z=w, x=y]\n    environment: [E=f, C=d, A=b]")
		if one != two {
			t.Fatalf("%s, then %s", one, two)
		}
	}
	if len(one) != 64 {
		t.Errorf("%q is no SHA-256 in hex", one)
	}
}

func TestFields(t *testing.T) {
	_, fields := service(t, "    command: [serve, --port, '80']\n    environment: {PASSWORD: hunter2}\n    labels: {key: hunter3}\n    mem_limit: 64m\n    networks: {n: {aliases: [x]}}")
	for path, want := range map[string]string{"image": "a", "command": "serve --port 80", "mem_limit": "67108864", "networks.n.aliases": "x"} {
		if fields[path] != want {
			t.Errorf("%s = %q, want %q", path, fields[path], want)
		}
	}
	for _, path := range []string{"environment.PASSWORD", "labels.key"} {
		if !strings.HasPrefix(fields[path], "sha256:") || len(fields[path]) != len("sha256:")+8 {
			t.Errorf("%s = %q, want a short hash", path, fields[path])
		}
	}
}

// Whatever the values of environment variables and labels are, Fields does not have them; and it tells them apart.
func TestFieldsHaveNoSecrets(t *testing.T) {
	s := embedded(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-zA-Z]{9,20}`).Draw(t, "secret")
		name := rapid.StringMatching(`[A-Z][A-Z0-9_.]{0,8}`).Draw(t, "name")
		svc := s.Project.Services["web"]
		svc.Environment = maps.Clone(svc.Environment)
		svc.Environment[name] = &secret
		svc.Labels = map[string]string{name: secret}
		fields, err := stack.Fields(svc)
		if err != nil {
			t.Fatal(err)
		}
		for path, value := range fields {
			if strings.Contains(value, secret) {
				t.Fatalf("%s = %q", path, value)
			}
		}
		other := secret + "x"
		svc.Environment[name] = &other
		changed, err := stack.Fields(svc)
		if err != nil {
			t.Fatal(err)
		}
		if diff := stack.Diff(fields, changed); len(diff) != 1 || diff[0].Path != "environment."+name {
			t.Fatalf("diff of a changed variable: %v", diff)
		}
	})
}

func TestDiff(t *testing.T) {
	same, old, wanted := "1", "2", "3"
	got := stack.Diff(map[string]string{"same": same, "changed": old, "removed": old}, map[string]string{"same": same, "changed": wanted, "added": wanted})
	want := []stack.ChangedField{{"added", "", wanted}, {"changed", old, wanted}, {"removed", old, ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := stack.Diff(nil, nil); len(got) != 0 {
		t.Errorf("nothing differs from nothing in %v", got)
	}
	if got := stack.Diff(nil, map[string]string{"a": "b"}); len(got) != 1 || got[0].New != "b" {
		t.Errorf("without old fields: %v", got)
	}
}

// TestHashIsThatOfCompose compares with what docker compose 5.6.0 printed: `docker compose config --hash '*'`.
func TestHashIsThatOfCompose(t *testing.T) {
	s, err := loadAll(t.Context(), stack.Options{Files: []string{filepath.Join("testdata", "hash", "compose.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "hash", "hashes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, name := range s.Project.ServiceNames() {
		hash, err := stack.Hash(s.Project.Services[name])
		if err != nil {
			t.Fatal(err)
		}
		got += name + " " + hash + "\n"
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
