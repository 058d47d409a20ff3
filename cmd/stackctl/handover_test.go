package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// composeCommand is the docker compose of version 2 or later that STACKCTL_COMPOSE names, or that is installed.
func composeCommand(t *testing.T) []string {
	t.Helper()
	modern := regexp.MustCompile(`^v?([2-9]|[1-9][0-9])\.`)
	for _, command := range [][]string{{os.Getenv("STACKCTL_COMPOSE")}, {"docker", "compose"}, {"docker-compose"}} {
		if command[0] == "" {
			continue
		}
		out, err := exec.CommandContext(t.Context(), command[0], append(slices.Clone(command[1:]), "version", "--short")...).Output()
		if err == nil && modern.Match(out) {
			return command
		}
	}
	t.Skip("needs docker compose of version 2 or later: STACKCTL_COMPOSE=$(scripts/ensure-compose) make test")
	return nil
}

// TestHandOver hands a project from one tool to the other, whichever made it: nothing is recreated.
func TestHandOver(t *testing.T) {
	needEngine(t)
	command := composeCommand(t)
	project := ownProject("handover")
	t.Cleanup(func() { cleanUp(t, project) })
	dir := t.TempDir()
	file := filepath.Join(dir, "compose.yaml")
	image := hostRedis(t)
	text := strings.ReplaceAll(`
x-redis: &redis
  image: IMAGE
  entrypoint: [redis-server]
services:
  one: {<<: *redis, command: [--save, ""], volumes: ["data:/data"], environment: {A: b}}
  two: {<<: *redis, command: [--save, ""], depends_on: [one], networks: [back, default], mem_limit: 64m}
volumes: {data: {}}
networks: {back: {}}
`, "IMAGE", image)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	compose := func(args ...string) {
		t.Helper()
		all := slices.Concat(command[1:], []string{"-p", project, "-f", file}, args)
		if out, err := exec.CommandContext(ctx, command[0], all...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", all, err, out)
		}
	}
	composeUp := func() { compose("up", "-d", "--no-build", "--pull", "never") }
	stackctlUp := func() { must(t, project, "0", "-f", file, "up", "-d") }
	for _, order := range [][]func(){{stackctlUp, composeUp, stackctlUp}, {composeUp, stackctlUp, composeUp}} {
		order[0]()
		first := ids(t, project)
		if len(first) != 2 {
			t.Fatalf("%d containers", len(first))
		}
		for _, up := range order[1:] {
			up()
			if now := ids(t, project); !slices.Equal(now, first) {
				t.Errorf("the containers were %v, and are %v", first, now)
			}
		}
		compose("down", "--volumes", "--timeout", "0")
	}
}

// ids lists the project's containers.
func ids(t *testing.T, project string) []string {
	t.Helper()
	observed := look(t, project)
	var found []string
	for _, c := range observed.Containers {
		found = append(found, c.ID)
	}
	slices.Sort(found)
	return found
}

// hostRedis is the Redis image that was made from the host's programs.
func hostRedis(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "stackctl-host/redis").Output()
	image, _, _ := strings.Cut(string(out), "\n")
	if err != nil || image == "" {
		t.Skipf("needs the Redis image that is made from the host's programs: %v", err)
	}
	return image
}
