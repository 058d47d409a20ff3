//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// busyboxServices is a Compose file of services that run busybox, made from the host's programs.
func busyboxServices(t *testing.T, services ...string) string {
	t.Helper()
	text := "x-busybox: &busybox {image: example/busybox:1, x-stackctl: {host: {programs: [busybox]}}, entrypoint: [/bin/busybox], init: true}\nservices:\n"
	for _, service := range services {
		text += "  " + strings.Replace(service, "{", "{<<: *busybox, ", 1) + "\n"
	}
	file := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// slowly reads only after a while, as a pager does.
type slowly struct {
	bytes.Buffer
	begun bool
}

func (s *slowly) Write(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		<-time.After(4 * time.Second) // longer than the engine waits for who reads what an ended program has printed
	}
	return s.Buffer.Write(p)
}

// of returns what was printed behind a replica's name.
func of(replica string, output []byte) []byte {
	var found []byte
	for line := range bytes.Lines(output) {
		if name, text, ok := bytes.Cut(line, []byte("| ")); ok && string(bytes.TrimSpace(name)) == replica {
			found = append(found, text...)
		}
	}
	return found
}

func sequence(from, to int) []byte {
	var b []byte
	for i := from; i <= to; i++ {
		b = fmt.Appendf(b, "%d\n", i)
	}
	return b
}

// TestAttachedOutput compares what containers print with what an attached `up` does: all of it, byte by byte, over restarts, though who
// reads it is slow, and though the log is rotated or is not kept at all.
func TestAttachedOutput(t *testing.T) {
	needEngine(t)
	project := ownProject("attached-output")
	t.Cleanup(func() { cleanUp(t, project) })
	file := busyboxServices(t,
		"many: {command: [seq, '1', '300000'], logging: {driver: json-file, options: {max-size: 10k}}}",
		"errors: {command: [sh, -c, 'busybox seq 1 50000 >&2; exit 3'], logging: {driver: none}}",
		"again: {command: [sh, -c, 'busybox seq 1 20000; exit 7'], restart: 'on-failure:2'}",
		"bytes: {command: [printf, 'a\\033[31m\\r\\0b\\377\\n\\nno newline']}",
		"terminal: {command: [sh, -c, 'test -t 1 && busybox seq 1 1000'], tty: true}",
		"later: {command: [echo, later], depends_on: {many: {condition: service_completed_successfully}}}")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	up := program(ctx, t, project, "0", "-f", file, "up")
	var out slowly
	var messages bytes.Buffer
	up.Stdout, up.Stderr = &out, &messages
	if err := up.Run(); err != nil {
		t.Fatalf("up: %v\n%s", err, messages.String())
	}
	for replica, want := range map[string][]byte{
		"many-1": sequence(1, 300000), "again-1": bytes.Repeat(sequence(1, 20000), 3), "bytes-1": []byte("a\x1b[31m\r\x00b\xff\n\nno newline\n"),
		"terminal-1": bytes.ReplaceAll(sequence(1, 1000), []byte("\n"), []byte("\r\n")), "errors-1": nil, "later-1": []byte("later\n"),
	} {
		if got := of(replica, out.Bytes()); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes arrived, want %d", replica, len(got), len(want))
		}
	}
	if got, want := of("errors-1", messages.Bytes()), sequence(1, 50000); !bytes.Equal(got, want) {
		t.Errorf("standard error of errors-1: %d bytes arrived, want %d", len(got), len(want))
	}
	for line, times := range map[string]int{
		"many-1 exited with code 0\n": 1, "errors-1 exited with code 3\n": 1, "again-1 exited with code 7 (restarting)\n": 2, "again-1 exited with code 7\n": 1,
	} {
		if n := strings.Count(out.String(), line); n != times {
			t.Errorf("%q stands there %d times, want %d", line, n, times)
		}
	}
}

// TestAttachedEnds gives the exit code, and what runs afterwards, of an attached `up` that ends by its flags. docker compose 5.6 gives
// the same.
func TestAttachedEnds(t *testing.T) {
	needEngine(t)
	file := busyboxServices(t,
		"one: {command: [sh, -c, 'busybox sleep 1; exit 4'], depends_on: [base]}",
		"base: {command: [sleep, '3000']}",
		"long: {command: [sleep, '3000']}",
		"flaky: {command: [sh, -c, 'busybox sleep 0.2; exit 7'], restart: 'on-failure:1'}")
	for i, c := range []struct {
		args    string
		code    int
		running string // services that are left
	}{
		{"one", 0, "base"},
		{"--abort-on-container-exit one", 4, "base"},
		{"--abort-on-container-failure one long", 4, "base"},
		{"--exit-code-from base one", 4, "base"},
		{"--exit-code-from long one long", 143, "base"},
		{"--exit-code-from one one long", 4, "base"},
		{"--exit-code-from nothing one", 1, ""},
		{"--abort-on-container-exit flaky long", 7, ""},
		{"flaky", 0, ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			project := ownProject(fmt.Sprintf("attached-ends-%d", i))
			t.Cleanup(func() { cleanUp(t, project) })
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			up := program(ctx, t, project, "0", append([]string{"-f", file, "up"}, strings.Fields(c.args)...)...)
			output, _ := up.CombinedOutput() // the exit code says it
			if code := up.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, output)
			}
			var running []string
			for _, container := range look(t, project).Containers {
				if container.Running() {
					running = append(running, container.Service)
				}
			}
			if got := strings.Join(running, " "); got != c.running {
				t.Errorf("%q runs, want %q\n%s", got, c.running, output)
			}
		})
	}
}
