//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

// ownEngine is a dockerd of the test's own, which it may restart.
type ownEngine struct {
	t      *testing.T
	dir    string
	args   []string
	daemon *exec.Cmd
}

func newOwnEngine(t *testing.T) *ownEngine {
	t.Helper()
	needEngine(t)
	for _, tool := range []string{"dockerd", "ip"} {
		if _, err := exec.LookPath(tool); err != nil || os.Getuid() != 0 {
			t.Skip("needs dockerd, ip (Debian: iproute2), and root")
		}
	}
	dir := t.TempDir()
	// A bridge of its own: without one, and even with none, a second engine takes the first one's, docker0, away.
	bridge := "sctest" + strconv.Itoa(os.Getpid())
	link := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	link("link", "add", bridge, "type", "bridge")
	t.Cleanup(func() { link("link", "del", bridge) })
	link("addr", "add", "10.214.255.1/24", "dev", bridge)
	link("link", "set", bridge, "up")
	e := &ownEngine{t: t, dir: dir}
	config := filepath.Join(dir, "daemon.json") // the machine's own is for the machine's own engine
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.args = []string{
		"--config-file", config, "--host", e.host(), "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--bridge", bridge, "--storage-driver", "vfs", "--live-restore=false",
	}
	e.start()
	t.Cleanup(func() { // a network's bridge outlives its engine, and would lie in the way of the next run's
		if e.daemon.ProcessState != nil {
			e.start()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if out, err := e.program(ctx, "0", "down", "--volumes", "--yes", "--timeout", "0").CombinedOutput(); err != nil {
			t.Errorf("down: %v\n%s", err, out)
		}
		e.stop()
	})
	return e
}

const restartProject = "sctest-ownengine"

func (e *ownEngine) host() string { return "unix://" + filepath.Join(e.dir, "s") }

func (e *ownEngine) start() {
	e.t.Helper()
	log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	e.daemon = exec.Command("dockerd", e.args...)
	e.daemon.Stdout, e.daemon.Stderr = log, log
	if err := e.daemon.Start(); err != nil {
		e.t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for ticker := time.NewTicker(100 * time.Millisecond); ; <-ticker.C {
		eng, err := engine.Connect(e.t.Context(), engine.Target{Host: e.host()})
		if err == nil {
			_ = eng.Close()
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			e.t.Skipf("dockerd does not start here: %v\n%s", err, text[max(0, len(text)-2000):])
		}
	}
}

func (e *ownEngine) stop() {
	_ = e.daemon.Process.Signal(os.Interrupt)
	_ = e.daemon.Wait()
}

func (e *ownEngine) restart() {
	e.t.Helper()
	e.stop()
	e.start()
}

// program is stackctl on this engine.
func (e *ownEngine) program(ctx context.Context, port string, args ...string) *exec.Cmd {
	cmd := program(ctx, e.t, restartProject, port, args...)
	cmd.Env = append(cmd.Env, "DOCKER_HOST="+e.host())
	return cmd
}

func (e *ownEngine) must(port string, args ...string) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 2*time.Minute)
	defer cancel()
	if out, err := e.program(ctx, port, args...).CombinedOutput(); err != nil {
		e.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// answers waits until the stack counts a visit.
func (e *ownEngine) answers(port, requestID string) {
	e.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for ticker := time.NewTicker(200 * time.Millisecond); ; <-ticker.C {
		request, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, "http://127.0.0.1:"+port+"/count", nil)
		if err != nil {
			e.t.Fatal(err)
		}
		request.Header.Set("X-Request-ID", requestID)
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("the stack does not answer: %v", errors.Join(err))
		}
	}
}

// TestTheEngineRestarts restarts the engine in the middle of an `up`, and under a running stack whose logs are followed and
// which the dashboard shows: everything comes back.
func TestTheEngineRestarts(t *testing.T) {
	e := newOwnEngine(t)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	up := e.program(ctx, port, "--progress", "json", "up")
	events, err := up.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	seen := ""
	for lines := bufio.NewScanner(events); lines.Scan(); {
		seen += lines.Text() + "\n"
		if strings.Contains(lines.Text(), `"kind":"started","verb":"start container"`) {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, events) }() // ends with the process
	e.restart()
	if err := up.Wait(); err == nil {
		t.Log("the up came through all the same")
	}
	e.must(port, "up")
	e.answers(port, "before-restart")

	var out lockedBuffer
	logs := e.program(ctx, port, "logs", "-f")
	logs.Stdout, logs.Stderr = &out, &out
	if err := logs.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logs.Process.Kill(); _ = logs.Wait() }()
	out.await(t, "before-restart")
	dash := dashboardIn(t, restartProject, port, 120, 40, "--host "+e.host())
	dash.await("3/3 containers", "before-restart")
	e.stop()
	dash.await("engine lost, reconnecting")
	e.start()
	e.answers(port, "after-restart")
	out.await(t, "after-restart")
	dash.await("3/3 containers", "after-restart")
}
