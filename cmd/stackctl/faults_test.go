package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
)

// faults are what can happen to one call to the engine.
var faults = []string{"500", "reset before", "reset after", "hang"}

// faultyEngine passes calls on to the engine, and breaks the k-th.
type faultyEngine struct {
	t       *testing.T
	socket  string
	backend *httputil.ReverseProxy
	direct  *http.Transport

	mu     sync.Mutex
	calls  []string
	at     int // 0 breaks none
	fault  string
	broken string // what was called then
}

func newFaultyEngine(t *testing.T) *faultyEngine {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"), "unix://"))
	}
	e := &faultyEngine{t: t, socket: filepath.Join(t.TempDir(), "e.sock"), direct: &http.Transport{DialContext: dial}}
	e.backend = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "engine"})
	e.backend.Transport, e.backend.FlushInterval = e.direct, -1
	e.backend.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) }
	listener, err := net.Listen("unix", e.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close(); e.direct.CloseIdleConnections() })
	return e
}

func (e *faultyEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	what := r.Method + " " + r.URL.Path
	e.calls = append(e.calls, what)
	fault := ""
	if len(e.calls) == e.at {
		fault, e.broken = e.fault, what
	}
	e.mu.Unlock()
	switch fault {
	case "500":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"message":"the engine broke down"}`)
	case "reset before":
		panic(http.ErrAbortHandler)
	case "reset after":
		e.backend.ServeHTTP(&discard{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	case "hang":
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	default:
		e.backend.ServeHTTP(w, r)
	}
}

// discard takes an answer that nobody gets.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// arm breaks the k-th call from now on.
func (e *faultyEngine) arm(k int, fault string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls, e.at, e.fault, e.broken = nil, k, fault, ""
}

// made tells how many calls there were, and which was broken.
func (e *faultyEngine) made() (calls int, broken string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.calls), e.broken
}

// command is the program on this engine.
func (e *faultyEngine) command(ctx context.Context, project, port, hostEngine string, args ...string) *exec.Cmd {
	cmd := program(ctx, e.t, project, port, args...)
	cmd.Env = append(cmd.Env, "DOCKER_HOST="+hostEngine, "STACKCTL_ENGINE_TIMEOUT=3s")
	return cmd
}

// state is what a project consists of, without what differs from run to run.
func state(t *testing.T, project string) string {
	t.Helper()
	observed := look(t, project)
	var lines []string
	for _, c := range observed.Containers {
		lines = append(lines, fmt.Sprintf("container %s %d %s %s %s", c.Name, c.Number, c.State, c.ImageID, c.Hash))
	}
	for _, n := range observed.Networks {
		if n.Project == project {
			lines = append(lines, "network "+n.Name)
		}
	}
	for _, v := range observed.VolumeNames() {
		lines = append(lines, "volume "+v)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestFaultsOfTheEngine breaks one call after the other of each operation, on the real engine: there is a clear error and
// exit code 1, or the call was made good; and the same command once more ends as if nothing had happened.
// STACKCTL_FAULTS=all breaks every call in every way (an hour); otherwise a few calls of each operation are broken.
func TestFaultsOfTheEngine(t *testing.T) {
	needEngine(t)
	for _, operation := range []struct {
		name    string
		before  [][]string // brings about the state that the operation begins with
		command []string
	}{
		{"up", [][]string{{"down"}}, []string{"up"}},
		{"down", [][]string{{"up"}}, []string{"down"}},
		{"scale up", [][]string{{"up"}, {"scale", "web=1"}}, []string{"scale", "web=3"}},
		{"scale down", [][]string{{"up"}, {"scale", "web=3"}}, []string{"scale", "web=1"}},
		{"rollout", [][]string{{"up"}}, []string{"rollout", "web", "--env", "LOG_LEVEL=debug"}},
		{"rollback", [][]string{{"up"}, {"rollout", "web", "--env", "LOG_LEVEL=warn"}}, []string{"rollback", "web", "--to", "1"}},
	} {
		t.Run(operation.name, func(t *testing.T) {
			f := &faultRun{t: t, engine: newFaultyEngine(t), project: ownProject("faults-" + operation.name), command: operation.command}
			port, err := freePort()
			if err != nil {
				t.Fatal(err)
			}
			f.port = port
			t.Cleanup(func() { cleanUp(t, f.project) })
			f.prepare(operation.before)
			f.engine.arm(0, "")
			f.run(true)
			calls, _ := f.engine.made()
			want := state(t, f.project)
			for _, step := range sample(calls) {
				f.prepare(operation.before)
				f.breakCall(step.call, step.fault, want)
			}
		})
	}
}

type faultStep struct {
	call  int
	fault string
}

// sample picks which of an operation's calls are broken, and how.
func sample(calls int) []faultStep {
	var steps []faultStep
	if os.Getenv("STACKCTL_FAULTS") == "all" {
		for k := 1; k <= calls; k++ {
			for _, fault := range faults {
				steps = append(steps, faultStep{k, fault})
			}
		}
		return steps
	}
	for i, fault := range faults {
		steps = append(steps, faultStep{1 + (2*i+1)*calls/(2*len(faults)), fault})
	}
	return steps
}

// faultRun is one operation on one project.
type faultRun struct {
	t             *testing.T
	engine        *faultyEngine
	project, port string
	command       []string
}

// prepare brings the project into the state that the operation begins with, on the sound engine.
func (f *faultRun) prepare(before [][]string) {
	f.t.Helper()
	for _, args := range append([][]string{{"down", "-t", "0"}}, before...) {
		ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
		out, err := f.engine.command(ctx, f.project, f.port, cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"), args...).CombinedOutput()
		cancel()
		if err != nil && strings.Contains(string(out), apply.ErrMiscounted.Error()) {
			f.t.Logf("the network stays: %s", out) // the same one is used again
		} else if err != nil {
			f.t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
}

// run runs the operation through the faulty engine.
func (f *faultRun) run(mustSucceed bool) (stderr string, code int) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 2*time.Minute)
	defer cancel()
	var errs bytes.Buffer
	cmd := f.engine.command(ctx, f.project, f.port, "unix://"+f.engine.socket, f.command...)
	cmd.Stderr = &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (mustSucceed || !errors.As(err, &exit)) {
		f.t.Fatalf("%v: %v\n%s", f.command, err, errs.String())
	}
	return errs.String(), cmd.ProcessState.ExitCode()
}

func (f *faultRun) breakCall(k int, fault, want string) {
	f.t.Helper()
	f.engine.arm(k, fault)
	stderr, code := f.run(false)
	_, broken := f.engine.made()
	what := fmt.Sprintf("call %d (%s): %s", k, broken, fault)
	f.t.Log(what)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if code != 0 && code != exitFailed || code == exitFailed && !strings.HasPrefix(lines[len(lines)-1], "stackctl: ") && !strings.Contains(stderr, "stackctl: ") {
		f.t.Errorf("%s: exit code %d\n%s", what, code, stderr)
	}
	f.engine.arm(0, "")
	f.run(true)
	if got := state(f.t, f.project); got != want {
		f.t.Errorf("%s, and once more:\n%s\nwant:\n%s\nafter:\n%s", what, got, want, stderr)
	}
}
