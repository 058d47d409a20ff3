package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"stackctl.dev/stackctl/internal/terminal"
)

// TestAgree runs each command that destroys data with each way in which somebody, or nobody, agrees, and looks at what the engine is
// told to remove.
func TestAgree(t *testing.T) {
	for _, name := range []string{"DOCKER_CONTEXT", "COMPOSE_PROJECT_NAME", "COMPOSE_FILE"} {
		t.Setenv(name, "")
	}
	for _, name := range []string{"XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "HOME"} {
		t.Setenv(name, t.TempDir())
	}
	file := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(file, []byte("services: {web: {image: web}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := map[string]struct{ args, yes []string }{
		"down -v":   {[]string{"down", "-v"}, []string{"-y"}},
		"rm -s -v":  {[]string{"rm", "-s", "-v"}, []string{"--force"}},
		"rm -s (*)": {[]string{"rm", "-s"}, nil}, // keeps volumes: nothing to agree to
	}
	cases := []struct {
		name          string
		answer        string // what the pipe says
		pipe, yes     bool
		code, ownCode int
	}{
		{name: "no input", code: exitUsage},
		{name: "a pipe that says nothing", pipe: true, code: exitUsage},
		{name: "no", pipe: true, answer: "n\n", code: exitFailed, ownCode: exitFailed},
		{name: "anything else", pipe: true, answer: "yesterday\n", code: exitFailed, ownCode: exitFailed},
		{name: "yes", pipe: true, answer: "Y\n"},
		{name: "the flag", yes: true},
		{name: "the flag against a no", yes: true, pipe: true, answer: "n\n"},
	}
	for title, command := range commands {
		for _, c := range cases {
			for _, own := range []bool{false, true} {
				args, want := command.args, c.code
				if own {
					args, want = append([]string{"-f", file}, args...), c.ownCode
				}
				if c.yes {
					args = append(args, command.yes...)
				}
				if command.yes == nil {
					want = exitOK
				}
				t.Run(title+"/"+c.name+map[bool]string{true: "/own file"}[own], func(t *testing.T) {
					var removals atomic.Int32
					sound := agreeable(engineOf("web"))
					server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.Method == http.MethodDelete {
							removals.Add(1)
						}
						gone, list := removals.Load() > 0, path.Base(r.URL.Path)
						switch {
						case gone && r.Method == http.MethodGet && list == "volumes":
							_, _ = io.WriteString(w, `{"Volumes": []}`)
						case gone && r.Method == http.MethodGet && (list == "networks" || strings.HasSuffix(r.URL.Path, "/containers/json")):
							_, _ = io.WriteString(w, "[]")
						default:
							sound.ServeHTTP(w, r)
						}
					}))
					defer server.Close()
					var told bytes.Buffer
					code := run(t.Context(), &terminal.Streams{In: input(t, c.pipe, c.answer), Out: io.Discard, Err: &told},
						append([]string{"-H", "tcp://" + server.Listener.Addr().String(), "-p", "p"}, args...))
					if code != want || (removals.Load() > 0) != (want == exitOK) {
						t.Errorf("%v: exit code %d, want %d; %d removals\n%s", args, code, want, removals.Load(), told.String())
					}
				})
			}
		}
	}
}

// input is a standard input that is none, or a pipe that stays open.
func input(t *testing.T, pipe bool, text string) io.Reader {
	t.Helper()
	if !pipe {
		return strings.NewReader("")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	return r
}
