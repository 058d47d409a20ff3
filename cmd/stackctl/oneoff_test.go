//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRunPassesSignalsOn: what a signal means, and the exit code, is the program's affair, as with docker compose.
func TestRunPassesSignalsOn(t *testing.T) {
	needEngine(t)
	file := busyboxServices(t, `trap: {command: [sh, -c, "trap 'exit 7' INT; trap 'exit 8' TERM; trap 'exit 9' HUP; echo ready; while :; do busybox sleep 0.1; done"]}`)
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 7, syscall.SIGTERM: 8, syscall.SIGHUP: 9} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			project := ownProject("run-" + signal.String())
			t.Cleanup(func() { cleanUp(t, project) })
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			run := program(ctx, t, project, "0", "-f", file, "run", "--rm", "-i", "-T", "trap")
			out, err := run.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := run.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
				t.Fatalf("waiting for the program: %v", err)
			}
			if err := run.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = run.Wait() // the exit code says it
			if got := run.ProcessState.ExitCode(); got != code {
				t.Errorf("exit code %d, want %d", got, code)
			}
			if left := look(t, project).Containers; len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestOneOffFlags: flags of run and exec mean what they mean to docker compose.
func TestOneOffFlags(t *testing.T) {
	needEngine(t)
	project := ownProject("oneoff-flags")
	t.Cleanup(func() { cleanUp(t, project) })
	t.Setenv("PASSED", "through")
	file := busyboxServices(t, "app: {command: [sleep, '3000'], scale: 2, profiles: [x]}", "other: {command: [sleep, '3000']}", "few: {command: [sleep, '3000'], profiles: [y]}")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := func(want int, args ...string) string {
		t.Helper()
		cmd := program(ctx, t, project, "0", append([]string{"-f", file}, args...)...)
		output, _ := cmd.CombinedOutput() // the exit code says it
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("%v: exit code %d, want %d\n%s", args, code, want, output)
		}
		return string(output)
	}
	if out := run(0, "run", "--rm", "-T", "-e", "PASSED", "-e", "NOT_SET_ANYWHERE", "few", "env"); !strings.Contains(out, "PASSED=through\n") || strings.Contains(out, "NOT_SET") {
		t.Errorf("-e NAME: %s", out)
	}
	if out := run(0, "run", "--rm", "-T", "--entrypoint", `/bin/busybox echo "a  b" 'c'`, "few", "d"); !strings.Contains(out, "a  b c d\n") {
		t.Errorf("--entrypoint: %s", out)
	}
	run(2, "run", "--rm", "-T", "--entrypoint", `sh -c "open`, "few")
	if out := run(2, "run", "--rm", "-T", "-p", "8080", "few", "true"); !strings.Contains(out, "--publish: not supported") {
		t.Errorf("-p: %s", out)
	}
	run(0, "up", "-d", "app", "other")
	if err := os.WriteFile(file+".app", []byte("services: {app: {image: a}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	only := func(want int, args ...string) {
		t.Helper()
		cmd := program(ctx, t, project, "0", append([]string{"-f", file + ".app"}, args...)...)
		output, _ := cmd.CombinedOutput() // the exit code says it
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("%v: exit code %d, want %d\n%s", args, code, want, output)
		}
	}
	only(1, "stop", "other")
	only(0, "pause")
	only(0, "unpause")
	only(0, "kill")
	running := map[string]int{}
	for _, c := range look(t, project).Containers {
		if c.Running() {
			running[c.Service]++
		}
	}
	if running["other"] != 1 || running["app"] != 0 {
		t.Errorf("after kill with a file of one service: %v", running)
	}
	run(0, "start", "app")
	run(0, "up", "-d", "--scale", "app=2", "app")
	engine, err := connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	for _, c := range look(t, project).Containers {
		if c.Service == "app" && c.Number == 1 {
			if err := engine.ContainerKill(ctx, c.ID, "KILL"); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(0, "exec", "-T", "app", "/bin/busybox", "true")
	run(1, "exec", "-T", "--index", "1", "app", "/bin/busybox", "true")
}
