//go:build unix

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// phases are moments of an `up`, each told by the first event that says so.
var phases = []struct {
	name, kind, verb string
	args             []string
}{
	{"while an image is built", "started", "build image", []string{"--build"}},
	{"while the network is created", "started", "create network", nil},
	{"while containers are created", "started", "create container", nil},
	{"while nginx.conf is written", "started", "write files", nil},
	{"while containers are started", "started", "start container", nil},
	{"after the first start", "done", "start container", nil},
}

// TestInterruptedUp ends `up` at each phase, by Ctrl-C and by kill -9: the first exits with 130, and after both the next
// `up` converges and the one after it finds nothing to do.
func TestInterruptedUp(t *testing.T) {
	needEngine(t)
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		for i, phase := range phases {
			t.Run(fmt.Sprintf("%s %s", how, phase.name), func(t *testing.T) {
				project := ownProject(fmt.Sprintf("interrupt-%d-%d", how, i))
				port, err := freePort()
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { cleanUp(t, project) })
				code := interruptAt(t, project, port, how, phase.kind, phase.verb, append([]string{"up"}, phase.args...)...)
				if how == syscall.SIGINT && code != 128+int(syscall.SIGINT) {
					t.Errorf("exit code %d, want %d", code, 128+int(syscall.SIGINT))
				}
				converges(t, project, port)
			})
		}
	}
}

// interruptAt starts a command, sends the signal at the event, and returns the exit code.
func interruptAt(t *testing.T, project, port string, how syscall.Signal, kind, verb string, args ...string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := program(ctx, t, project, port, append([]string{"--progress", "json"}, args...)...)
	_, err := at(t, cmd, kind, verb, func() {
		if err := cmd.Process.Signal(how); err != nil {
			t.Error(err)
		}
	})
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("the interrupted %s ended with %v", args[0], err)
	}
	return exit.ExitCode()
}

// at runs a command that prints JSON, and does something at the first event of a kind and verb. It returns what the command
// prints after that.
func at(t *testing.T, cmd *exec.Cmd, kind, verb string, do func()) (rest string, err error) {
	t.Helper()
	events, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		var event struct{ Kind, Verb string }
		if json.Unmarshal(line, &event) == nil && event.Kind == kind && event.Verb == verb {
			do()
			break
		}
		if err != nil {
			t.Errorf("no event %q of %q", kind, verb)
			break
		}
	}
	after, _ := io.ReadAll(lines)
	return string(after), cmd.Wait()
}

// TestUpAfterKilledDown ends `down` at once while the engine stops containers for it: the next `up` waits for those.
func TestUpAfterKilledDown(t *testing.T) {
	needEngine(t)
	for i, phase := range []struct{ kind, verb string }{{"started", "stop container"}, {"done", "stop container"}, {"done", "remove container"}} {
		t.Run(phase.kind+" "+phase.verb, func(t *testing.T) {
			project := ownProject(fmt.Sprintf("killed-down-%d", i))
			port, err := freePort()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cleanUp(t, project) })
			must(t, project, port, "up")
			interruptAt(t, project, port, syscall.SIGKILL, phase.kind, phase.verb, "down")
			converges(t, project, port)
		})
	}
}

// TestRolloutMeetsDown takes the stack down under a rollout, over another address of the engine, for which there is another
// lock: the rollout stops and says so, and nothing is left.
func TestRolloutMeetsDown(t *testing.T) {
	needEngine(t)
	socket := strings.TrimPrefix(cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"), "unix://")
	for i, phase := range []struct{ kind, verb string }{{"started", "create container"}, {"done", "start container"}, {"done", "reload container"}, {"started", "stop container"}} {
		t.Run(phase.kind+" "+phase.verb, func(t *testing.T) {
			other := filepath.Join(t.TempDir(), "engine.sock")
			if err := os.Symlink(socket, other); err != nil {
				t.Fatal(err)
			}
			project := ownProject(fmt.Sprintf("rollout-down-%d", i))
			port, err := freePort()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cleanUp(t, project) })
			must(t, project, port, "up", "--scale", "web=2")
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			rollout := program(ctx, t, project, port, "--progress", "json", "rollout")
			rollout.Env = append(rollout.Env, "DOCKER_HOST=unix://"+other)
			said, err := at(t, rollout, phase.kind, phase.verb, func() { must(t, project, port, "down") })
			if err == nil || !strings.Contains(said, "was stopped or removed in the meantime") {
				t.Errorf("the rollout ended with %v:\n%s", err, said)
			}
			observed := look(t, project)
			if n := len(observed.Containers); n > 0 || slices.ContainsFunc(observed.Networks, func(n observe.Network) bool { return n.Project == project }) {
				t.Errorf("left: %d containers, networks %v", n, observed.Networks)
			}
		})
	}
}

// converges runs `up` until it is through, counts a visit, and checks that a further `up` has nothing to do.
func converges(t *testing.T, project, port string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if out, err := program(ctx, t, project, port, "up").CombinedOutput(); err != nil {
		t.Fatalf("the next up: %v\n%s", err, out)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+"/count", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "This page has been visited 1 times." {
		t.Errorf("/count answers %q, %v", body, err)
	}
	out, err := program(ctx, t, project, port, "up").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("nothing changed: 3 containers")) {
		t.Errorf("the up after that: %v\n%s", err, out)
	}
	checkObjects(t, project)
}

// checkObjects makes sure that nothing is there twice and nothing is left over.
func checkObjects(t *testing.T, project string) {
	t.Helper()
	observed := look(t, project)
	networks := 0
	for _, n := range observed.Networks {
		if n.Project == project {
			networks++
		}
	}
	if len(observed.Containers) != 3 || networks != 1 || len(observed.VolumeNames()) != 1 {
		t.Errorf("there are %d containers, %d networks, volumes %v", len(observed.Containers), networks, observed.VolumeNames())
	}
}

// TestTwoUpsAtOnce starts the same project twice at the same time: both succeed, one of them having waited.
func TestTwoUpsAtOnce(t *testing.T) {
	needEngine(t)
	project := ownProject("two-ups")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cleanUp(t, project) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var outs [2]bytes.Buffer
	var cmds [2]*exec.Cmd
	for i := range cmds {
		cmds[i] = program(ctx, t, project, port, "up")
		cmds[i].Stdout, cmds[i].Stderr = &outs[i], &outs[i]
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range cmds {
		if err := cmds[i].Wait(); err != nil {
			t.Errorf("up %d: %v\n%s", i, err, outs[i].String())
		}
	}
	both := outs[0].String() + outs[1].String()
	if strings.Count(both, "create container") != 3 || !strings.Contains(both, "another stackctl is changing this project") {
		t.Errorf("they worked on top of each other:\n%s", both)
	}
	checkObjects(t, project)
}

// TestNoPermission runs as a user who may not use the engine's socket.
func TestNoPermission(t *testing.T) {
	needEngine(t)
	if syscall.Getuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	cmd := exec.CommandContext(t.Context(), webBinary(t), "ps")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	cmd.Env = []string{"HOME=/nonexistent"}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "permission denied; join the docker group") {
		t.Errorf("got %v\n%s", err, out)
	}
}
