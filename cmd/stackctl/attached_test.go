//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAttachedUp ends an `up` that stays with its containers: Ctrl-C stops them; where one does not end by that, a second
// Ctrl-C kills it.
func TestAttachedUp(t *testing.T) {
	needEngine(t)
	image := hostRedis(t)
	for signal, interrupts := range map[string]int{"SIGTERM": 1, "SIGCONT": 2} { // SIGCONT ends nothing
		t.Run(signal, func(t *testing.T) {
			project := ownProject("attached-" + signal)
			t.Cleanup(func() { cleanUp(t, project) })
			file := filepath.Join(t.TempDir(), "compose.yaml")
			text := "services: {one: {image: '" + image + "', entrypoint: [redis-server], command: [--save, ''], stop_signal: " + signal + ", stop_grace_period: 5m}}\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var out, messages lockedBuffer
			up := program(ctx, t, project, "0", "-f", file, "up")
			up.Stdout, up.Stderr = &out, io.MultiWriter(&messages, io.Discard)
			if err := up.Start(); err != nil {
				t.Fatal(err)
			}
			out.await(t, "Ready to accept connections")
			for range interrupts {
				if err := up.Process.Signal(syscall.SIGINT); err != nil {
					t.Fatal(err)
				}
				messages.await(t, "press Ctrl-C again to kill")
			}
			_ = up.Wait() // the exit code says it
			if code := up.ProcessState.ExitCode(); code != 128+int(syscall.SIGINT) {
				t.Errorf("exit code %d\n%s", code, messages.text())
			}
			if signal == "SIGTERM" && !strings.Contains(out.text(), "ready to exit, bye bye") {
				t.Errorf("the last lines are missing:\n%s", out.text())
			}
			if containers := look(t, project).Containers; len(containers) != 1 || containers[0].State != "exited" {
				t.Errorf("containers %+v", containers)
			}
		})
	}
}
