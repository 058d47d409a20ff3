//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

// newerEngine is the dockerd of STACKCTL_NEWER_ENGINE, in a network namespace of its own: it has bridges and rules there
// that another engine's must not meet.
type newerEngine struct {
	t                    *testing.T
	dir, namespace, host string
}

func newNewerEngine(t *testing.T) *newerEngine {
	t.Helper()
	needEngine(t)
	programs := os.Getenv("STACKCTL_NEWER_ENGINE")
	if programs == "" || os.Getuid() != 0 {
		t.Skip("needs root and another Docker Engine: STACKCTL_NEWER_ENGINE=$(scripts/ensure-engine) make test")
	}
	e := &newerEngine{t: t, dir: t.TempDir(), namespace: ownProject("newer")}
	e.host = "unix://" + filepath.Join(e.dir, "s")
	for _, args := range [][]string{{"netns", "add", e.namespace}, {"-n", e.namespace, "link", "set", "lo", "up"}} {
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() {
		_ = exec.CommandContext(context.WithoutCancel(t.Context()), "ip", "netns", "del", e.namespace).Run()
	})
	if err := os.WriteFile(filepath.Join(e.dir, "daemon.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(e.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	daemon := exec.Command("nsenter", "--net=/run/netns/"+e.namespace, filepath.Join(programs, "dockerd"), "--config-file", filepath.Join(e.dir, "daemon.json"),
		"--host", e.host, "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"), "--pidfile", filepath.Join(e.dir, "pid"),
		"--storage-driver", "vfs", "--userland-proxy-path", filepath.Join(programs, "docker-proxy"))
	daemon.Stdout, daemon.Stderr = log, log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Process.Signal(os.Interrupt); _ = daemon.Wait() })
	deadline := time.Now().Add(time.Minute)
	for ticker := time.NewTicker(100 * time.Millisecond); ; <-ticker.C {
		eng, err := engine.Connect(t.Context(), engine.Target{Host: e.host})
		if err == nil {
			t.Logf("Engine API %s, builder %s", eng.API, eng.Builder)
			_ = eng.Close()
			break
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("dockerd does not start: %v\n%s", err, text[max(0, len(text)-2000):])
		}
	}
	t.Cleanup(func() { // containers would outlive their engine
		for _, project := range []string{"own", "stack"} {
			_ = e.program(context.WithoutCancel(t.Context()), project, "down", "--volumes", "--yes", "--timeout", "0").Run()
		}
	})
	return e
}

// program is stackctl beside this engine, where its published ports are.
func (e *newerEngine) program(ctx context.Context, project string, args ...string) *exec.Cmd {
	inside := program(ctx, e.t, project, "5002", args...)
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=/run/netns/" + e.namespace}, inside.Args...)...)
	cmd.Env, cmd.Dir = inside.Env, e.dir
	cmd.Env = append(cmd.Env, "DOCKER_HOST="+e.host)
	return cmd
}

func (e *newerEngine) must(project string, args ...string) string {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 3*time.Minute)
	defer cancel()
	out, err := e.program(ctx, project, args...).CombinedOutput()
	if err != nil {
		e.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestANewerEngine tries what an Engine API above 1.41 answers otherwise: BuildKit, several networks, start intervals,
// network modes, health, and the whole of a rollout under load.
func TestANewerEngine(t *testing.T) {
	e := newNewerEngine(t)
	e.must("stack", "up")
	e.must("stack", "scale", "web=3")
	for _, operation := range []string{"rollout", "scale", "restart-redis"} {
		if out := e.must("stack", "verify", operation, "--rate", "100"); !strings.Contains(out, " 0 failed") {
			t.Errorf("verify %s:\n%s", operation, out)
		}
	}
	if out := e.must("stack", "rollout", "--env", "LOG_LEVEL=debug"); !strings.Contains(out, "keep revision") {
		t.Errorf("rollout:\n%s", out)
	}
	e.must("stack", "rollback")
	e.must("stack", "up")
	if out := e.must("stack", "up"); !strings.Contains(out, "nothing changed") {
		t.Errorf("another up:\n%s", out)
	}

	for name, text := range map[string]string{
		"Dockerfile": "FROM stackctl-host/redis:" + hostVersion(t) + "\nRUN --mount=type=cache,target=/cache [\"/usr/bin/redis-server\", \"--version\"]\nVOLUME /data\nENTRYPOINT [\"redis-server\"]\n",
		"compose.yaml": `
services:
  app:
    build: .
    command: [--save, "", --dir, /data, --protected-mode, "no"]
    environment: {A: b}
    networks: {front: {aliases: [application]}, back: {}}
    depends_on: {db: {condition: service_healthy}}
  db:
    build: .
    command: [--save, ""]
    networks: [back]
    healthcheck: {test: [CMD, redis-cli, ping], interval: 60s, start_period: 30s, start_interval: 1s}
networks: {front: {}, back: {internal: true}}
`,
		"changed.yaml": "services: {app: {environment: {A: c}}}\n",
	} {
		if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own := func(args ...string) string {
		t.Helper()
		return e.must("own", append([]string{"-f", "compose.yaml"}, args...)...)
	}
	own("up", "-d", "--wait")
	own("exec", "-T", "app", "redis-cli", "set", "k", "v")
	own("exec", "-T", "app", "redis-cli", "save")
	own("-f", "changed.yaml", "up", "-d", "--wait")
	if out := own("exec", "-T", "app", "redis-cli", "--raw", "get", "k"); strings.TrimSpace(out) != "v" {
		t.Errorf("its data: %q", out)
	}
	if out := own("exec", "-T", "db", "redis-cli", "-h", "app", "ping"); !strings.Contains(out, "PONG") {
		t.Errorf("over the second network: %q", out)
	}
	own("restart")
	if out := own("-f", "changed.yaml", "up", "-d"); !strings.Contains(out, "nothing changed") {
		t.Errorf("another up:\n%s", out)
	}
	own("down", "-v", "-y")
}

// hostVersion is the version of the Redis image made from the host's programs.
func hostVersion(t *testing.T) string {
	t.Helper()
	_, version, _ := strings.Cut(hostRedis(t), ":")
	return version
}
