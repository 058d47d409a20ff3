//go:build unix

package stack_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/stack"
)

// Wherever a Compose file may name a file, one that has no end, never begins or is too large is refused, at once.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	const service = "services: {a: {image: i}}\n"
	for place, text := range map[string]string{
		"file":               "",
		"configs":            "configs: {c: {file: BAD}}\nservices: {a: {image: i, configs: [c]}}\n",
		"secrets":            "secrets: {s: {file: BAD}}\nservices: {a: {image: i, secrets: [s]}}\n",
		"env_file":           "services: {a: {image: i, env_file: BAD}}\n",
		"env_file, optional": "services: {a: {image: i, env_file: [{path: BAD, required: false}]}}\n",
		"label_file":         "services: {a: {image: i, label_file: BAD}}\n",
		"extends":            "services: {a: {extends: {file: BAD, service: a}}}\n",
		"include":            "include: [BAD]\n" + service,
		"include's env_file": "include: [{path: ok.yaml, env_file: BAD}]\n" + service,
		"include's variable": "include: [{path: ok.yaml, env_file: ['${NAMED}']}]\n" + service,
		"include's .env":     "include: [ok/ok.yaml]\n" + service,
		"included's include": "include: [sub/includes.yaml]\n" + service,
		"included's extends": "include: [sub/nested.yaml]\n" + service,
		"--env-file":         service,
		".env":               service,
	} {
		for _, bad := range []string{"/dev/zero", "fifo", "huge"} {
			t.Run(place+" "+bad, func(t *testing.T) {
				dir := folder(t, map[string]string{"ok.yaml": "services: {b: {image: i}}\n"})
				if err := errors.Join(os.Mkdir(filepath.Join(dir, "sub"), 0o700), syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600),
					os.WriteFile(filepath.Join(dir, "huge"), nil, 0o600), os.Truncate(filepath.Join(dir, "huge"), 65<<20),
					os.Mkdir(filepath.Join(dir, "ok"), 0o700), os.WriteFile(filepath.Join(dir, "ok", "ok.yaml"), []byte("services: {b: {image: i}}\n"), 0o600),
					os.WriteFile(filepath.Join(dir, "sub", "includes.yaml"), []byte("include: [{path: ../ok.yaml, env_file: "+relative(bad)+"}]\n"), 0o600),
					os.WriteFile(filepath.Join(dir, "sub", "nested.yaml"), []byte("services: {c: {extends: {file: "+relative(bad)+", service: c}}}\n"), 0o600),
					os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(strings.ReplaceAll(text, "BAD", bad)), 0o600)); err != nil {
					t.Fatal(err)
				}
				path := bad
				if !filepath.IsAbs(bad) {
					path = filepath.Join(dir, bad)
				}
				o := stack.Options{Files: []string{filepath.Join(dir, "compose.yaml")}, ProjectName: "p", Environment: map[string]string{"NAMED": bad}}
				switch place {
				case "file":
					o.Files = []string{path}
				case "--env-file":
					o.EnvFiles = []string{path}
				case "include's .env":
					if err := os.Symlink(path, filepath.Join(dir, "ok", ".env")); err != nil {
						t.Fatal(err)
					}
				case ".env":
					if err := os.Symlink(path, filepath.Join(dir, ".env")); err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				_, err := loadAll(ctx, o)
				if err == nil || !strings.Contains(err.Error(), "not a regular file") && !strings.Contains(err.Error(), "the limit for such a file") && (place != "label_file" || !strings.Contains(err.Error(), "not supported")) {
					t.Errorf("%v", err)
				}
			})
		}
	}
}

// relative is how a file in the folder below names it.
func relative(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return "../" + path
}

// A read that does not come back does not keep the command from ending.
func TestReadingEndsWithItsContext(t *testing.T) {
	// A pipe of the shell's may have no writer that ever writes.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := stack.ReadFile(ctx, fmt.Sprintf("/dev/fd/%d", r.Fd()), 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// What a pipe had is there again for each further reading: commands read their Compose file several times.
func TestAPipeIsReadOnce(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	path := fmt.Sprintf("/dev/fd/%d", r.Fd())
	go func() {
		_, _ = w.WriteString("services: {a: {image: i}}\n")
		_ = w.Close()
	}()
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		s, err := loadAll(ctx, stack.Options{Files: []string{path}, ProjectName: "p"})
		cancel()
		if err != nil || len(s.Project.Services) != 1 {
			t.Errorf("%v", err)
		}
	}
}
