package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
)

// engineVariable switches the tests on that need a Docker engine: `make test` sets it when one answers.
const engineVariable = "STACKCTL_TEST_ENGINE"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"stackctl": main})
}

// TestScript runs what needs no engine.
func TestScript(t *testing.T) { runScripts(t, "testdata/script") }

// TestEngineScript runs what needs one: real containers, in projects and on ports of their own.
func TestEngineScript(t *testing.T) {
	needEngine(t)
	runScripts(t, "testdata/script/engine")
}

func needEngine(t *testing.T) {
	t.Helper()
	if os.Getenv(engineVariable) == "" {
		t.Skip("needs a Docker engine: run `make test`")
	}
}

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:   dir,
		Setup: func(env *testscript.Env) error { return setUp(t, env) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"http": httpGet, "foreign": foreign, "unforeign": unforeign, "listen": listen, "oldengine": oldEngine, "ownimage": ownImage, "outside": outside, "proxy": proxy, "registry": startRegistry,
		},
	})
}

// setUp gives each script a project and a port of its own, and cleans up after it.
func setUp(t *testing.T, env *testscript.Env) error {
	project := ownProject(filepath.Base(env.WorkDir))
	port, err := freePort()
	if err != nil {
		return err
	}
	other, err := freePort()
	if err != nil {
		return err
	}
	env.Setenv("COMPOSE_PROJECT_NAME", project)
	env.Setenv("STACKCTL_PORT", port)
	env.Setenv("OTHER_PORT", other)
	env.Setenv("STACKCTL_WEB_BINARY", webBinary(t))
	env.Setenv("STACKCTL_HOST_ROOT", hostRoot())
	assets, err := filepath.Abs("../../assets")
	if err != nil {
		return err
	}
	env.Setenv("ASSETS", assets)
	env.Setenv("DOCKER_HOST", os.Getenv("DOCKER_HOST"))
	if os.Getenv(engineVariable) != "" {
		env.Defer(func() { cleanUp(t, project) })
	}
	return nil
}

// ownProject is a project's name that no other test has, nor the same one of another run on this engine.
func ownProject(of string) string {
	name := strings.NewReplacer("/", "-", "_", "-", " ", "-").Replace(strings.ToLower(of))
	return fmt.Sprintf("sctest-%s-%d", name, os.Getpid())
}

// webBinary is the statically linked stackctl that `make test` builds: the test binary itself does not fit into an image
// from scratch.
func webBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("STACKCTL_WEB_BINARY"); path != "" {
		return path
	}
	path, err := filepath.Abs("../../bin/stackctl")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func hostRoot() string {
	if root := os.Getenv("STACKCTL_HOST_ROOT"); root != "" {
		return root
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "stackctl", "host")
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}

func connect(ctx context.Context) (*engine.Engine, error) {
	return engine.Connect(ctx, engine.Target{})
}

// connected is a connection to the engine for as long as the test takes, its clean-up included.
func connected(t *testing.T) *engine.Engine {
	t.Helper()
	eng, err := connect(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = eng.Close() })
	return eng
}

// look observes a project.
func look(t *testing.T, project string) *observe.Observed {
	t.Helper()
	observed, err := observe.Project(t.Context(), connected(t), project)
	if err != nil {
		t.Fatal(err)
	}
	return observed
}

// cleanUp removes everything that carries the project's label.
func cleanUp(t *testing.T, project string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	eng, err := connect(ctx)
	if err != nil {
		t.Errorf("cleaning up: %v", err)
		return
	}
	defer eng.Close()
	observed, err := observe.Project(ctx, eng, project)
	if err == nil {
		grace := time.Duration(0)
		err = apply.Plan(ctx, eng, planner.Down(observed, planner.DownOptions{Volumes: true, Grace: &grace}), nil)
	}
	if errors.Is(err, apply.ErrMiscounted) {
		t.Logf("the network of project %s stays: %v", project, err) // nothing but a restart of the engine helps
	} else if err != nil {
		t.Errorf("cleaning up project %s: %v", project, err)
	}
}

// httpGet is `http URL`: the body goes to standard output; a status other than 200 fails.
func httpGet(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: http URL")
	}
	client := &http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(args[0])
	if err != nil {
		if !neg {
			ts.Fatalf("%v", err)
		}
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n", body)
	if (response.StatusCode != http.StatusOK) != neg {
		ts.Fatalf("%s: %s %s", args[0], response.Status, body)
	}
}

// foreign is `foreign NAME [HOST-PORT]`: it runs a container that belongs to nobody.
func foreign(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	eng, err := connect(ctx)
	ts.Check(err)
	defer eng.Close()
	host := &container.HostConfig{}
	if len(args) > 1 {
		host.PortBindings = nat.PortMap{"5002/tcp": {{HostIP: "127.0.0.1", HostPort: args[1]}}}
	}
	created, err := eng.ContainerCreate(ctx, &container.Config{Image: "stackctl-web:latest", ExposedPorts: nat.PortSet{"5002/tcp": {}}}, host, nil, nil, args[0])
	ts.Check(err)
	ts.Defer(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		eng, err := connect(ctx)
		if err == nil {
			_ = eng.ContainerRemove(ctx, created.ID, container.RemoveOptions{Force: true})
			_ = eng.Close()
		}
	})
	ts.Check(eng.ContainerStart(ctx, created.ID, container.StartOptions{}))
}

// unforeign is `unforeign NAME`: it checks that the container runs still, and removes it.
func unforeign(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	eng, err := connect(ctx)
	ts.Check(err)
	defer eng.Close()
	info, err := eng.ContainerInspect(ctx, args[0])
	ts.Check(err)
	if !info.State.Running {
		ts.Fatalf("container %s was touched: %s", args[0], info.State.Status)
	}
	ts.Check(eng.ContainerRemove(ctx, args[0], container.RemoveOptions{Force: true}))
}

// outside is `outside stop|remove NAME`: what somebody else may do to a container of ours.
func outside(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	eng, err := connect(ctx)
	ts.Check(err)
	defer eng.Close()
	if args[0] == "stop" {
		grace := 0
		ts.Check(eng.ContainerStop(ctx, args[1], container.StopOptions{Timeout: &grace}))
		return
	}
	ts.Check(eng.ContainerRemove(ctx, args[1], container.RemoveOptions{Force: true}))
}

// listen is `listen PORT`: this process takes the port until the script ends.
func listen(ts *testscript.TestScript, _ bool, args []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { _ = listener.Close() })
}

// proxy is `proxy ADDRESS`: it passes connections on to the engine's socket until the script ends.
func proxy(ts *testscript.TestScript, _ bool, args []string) {
	listener, err := net.Listen("tcp", args[0])
	ts.Check(err)
	ts.Defer(func() { _ = listener.Close() })
	socket := strings.TrimPrefix(cmp.Or(os.Getenv("DOCKER_HOST"), "unix:///var/run/docker.sock"), "unix://")
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				_ = near.Close()
				continue
			}
			go join(near.(*net.TCPConn), far.(*net.UnixConn))
			go join(far.(*net.UnixConn), near.(*net.TCPConn))
		}
	}()
}

// ownImage is `ownimage`: it gives the web image another name, $IMAGE, until the script ends.
func ownImage(ts *testscript.TestScript, _ bool, _ []string) {
	ref := fmt.Sprintf("stackctl-test-web:%d", os.Getpid())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	eng, err := connect(ctx)
	ts.Check(err)
	defer eng.Close()
	ts.Check(eng.ImageTag(ctx, "stackctl-web:latest", ref))
	ts.Setenv("IMAGE", ref)
	ts.Defer(func() { forget(ref) })
}

// forget removes an image's name.
func forget(ref string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if eng, err := connect(ctx); err == nil {
		_, _ = eng.ImageRemove(ctx, ref, image.RemoveOptions{})
		_ = eng.Close()
	}
}

// startRegistry is `registry REPOSITORY:TAG`: it runs a registry, pushes the web image there under that name, forgets it in
// the engine, and sets $REGISTRY to the registry's host:port.
func startRegistry(ts *testscript.TestScript, _ bool, args []string) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	ts.Defer(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	ref := host + "/" + args[0]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	eng, err := connect(ctx)
	ts.Check(err)
	defer eng.Close()
	ts.Check(eng.ImageTag(ctx, "stackctl-web:latest", ref))
	pushed, err := eng.ImagePush(ctx, ref, image.PushOptions{RegistryAuth: "e30K"}) // {} in base64: nobody
	ts.Check(err)
	output, err := io.ReadAll(pushed)
	ts.Check(err)
	if strings.Contains(string(output), "errorDetail") {
		ts.Fatalf("pushing %s: %s", ref, output)
	}
	_, err = eng.ImageRemove(ctx, ref, image.RemoveOptions{})
	ts.Check(err)
	ts.Setenv("REGISTRY", host)
	ts.Defer(func() { forget(ref) })
}

// join passes one direction on, and its end.
func join(from io.Reader, to interface {
	io.Writer
	CloseWrite() error
}) {
	_, _ = io.Copy(to, from)
	_ = to.CloseWrite()
}

// oldEngine is `oldengine SOCKET`: an engine of 2016.
func oldEngine(ts *testscript.TestScript, _ bool, args []string) {
	listener, err := net.Listen("unix", ts.MkAbs(args[0]))
	ts.Check(err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.24")
		w.Header().Set("Ostype", "linux")
	})}
	go func() { _ = server.Serve(listener) }()
	ts.Defer(func() { _ = server.Close() })
}

// TestScriptsAreAllRun names every script of the folders by program, so that none is forgotten for its ending.
func TestScriptsAreAllRun(t *testing.T) {
	err := filepath.Walk("testdata/script", func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && filepath.Ext(path) != ".txtar" {
			t.Errorf("%s is no script: its name must end in .txtar", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// program is the stackctl that signals are sent to: the test binary under its other name.
func program(ctx context.Context, t *testing.T, project, port string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, webBinary(t), args...)
	cmd.Env = append(os.Environ(), "COMPOSE_PROJECT_NAME="+project, "STACKCTL_PORT="+port, "STACKCTL_HOST_ROOT="+hostRoot())
	return cmd
}

// must runs the program, which must succeed.
func must(t *testing.T, project, port string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := program(ctx, t, project, port, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// lockedBuffer is written by a process and read by a test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// await waits until something was written.
func (l *lockedBuffer) await(t *testing.T, part string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for ticker := time.NewTicker(100 * time.Millisecond); !strings.Contains(l.text(), part); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("%q was never written:\n%s", part, l.text())
		}
	}
}

func (l *lockedBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
