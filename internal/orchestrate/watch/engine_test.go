package watch

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"stackctl.dev/stackctl/internal/mask"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

// realEngine runs containers of a project of its own, and removes them.
type realEngine struct {
	*engine.Engine
	t              *testing.T
	ctx            context.Context
	project, image string
}

func connectEngine(t *testing.T) *realEngine {
	t.Helper()
	if os.Getenv("STACKCTL_TEST_ENGINE") == "" {
		t.Skip("needs a Docker engine: set STACKCTL_TEST_ENGINE=1")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	e, err := engine.Connect(ctx, engine.Target{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	project := fmt.Sprintf("stackctl-watch-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	r := &realEngine{Engine: e, t: t, ctx: ctx, project: project, image: project + ":test"}
	r.importWorker()
	return r
}

// importWorker makes an image of the one static program, without any registry.
func (r *realEngine) importWorker() {
	r.t.Helper()
	version, err := r.ServerVersion(r.ctx)
	r.check(err)
	path := filepath.Join(r.t.TempDir(), "worker")
	build := exec.CommandContext(r.ctx, "go", "build", "-o", path, "./testdata/worker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+version.Os, "GOARCH="+version.Arch)
	if out, err := build.CombinedOutput(); err != nil {
		r.t.Fatalf("building worker: %v\n%s", err, out)
	}
	program, err := os.ReadFile(path)
	r.check(err)
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err = w.WriteHeader(&tar.Header{Name: "worker", Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = w.Write(program)
	}
	r.check(errors.Join(err, w.Close()))
	done, err := r.ImageImport(r.ctx, image.ImportSource{Source: &archive, SourceName: "-"}, r.image, image.ImportOptions{})
	r.check(err)
	_, err = io.Copy(io.Discard, done)
	r.check(errors.Join(err, done.Close()))
	r.t.Cleanup(func() {
		if _, err := r.ImageRemove(context.WithoutCancel(r.ctx), r.image, image.RemoveOptions{Force: true}); err != nil {
			r.t.Errorf("removing image: %v", err)
		}
	})
}

// create makes replica n of a service, to be started.
func (r *realEngine) create(service string, n int) string {
	r.t.Helper()
	created, err := r.ContainerCreate(r.ctx, &container.Config{
		Image: r.image, Cmd: []string{"/worker"}, Env: []string{"API_TOKEN=hunter2"},
		Labels: map[string]string{
			label.Project: r.project, label.Service: service, label.ContainerNumber: strconv.Itoa(n), label.OneOff: "False",
		},
	}, &container.HostConfig{NetworkMode: "none", Resources: container.Resources{Memory: 64 << 20}}, nil, nil, fmt.Sprintf("%s-%s-%d", r.project, service, n))
	r.check(err)
	r.t.Cleanup(func() {
		if err := r.ContainerRemove(context.WithoutCancel(r.ctx), created.ID, container.RemoveOptions{Force: true}); err != nil {
			r.t.Errorf("removing container: %v", err)
		}
	})
	return created.ID
}

func (r *realEngine) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *realEngine) watch(o Options) *seen {
	o.Project = r.project
	return watching(r.t, o, func(context.Context) (Source, Engine, error) { return r.Engine, Engine{Address: r.Address}, nil })
}

func TestEngineContainerLives(t *testing.T) {
	r := connectEngine(t)
	s := r.watch(Options{})
	s.await("empty state", func(st State) bool { return st.Overall() == Down && len(st.Containers) == 0 })
	id := r.create("web", 1)
	s.await("created container", func(st State) bool { return len(st.Containers) == 1 && st.Overall() == Starting })
	r.check(r.ContainerStart(r.ctx, id, container.StartOptions{}))
	st := s.await("running container", func(st State) bool { return st.Overall() == Up && !st.Containers[0].StartedAt.IsZero() })
	if c := st.Containers[0]; c.Service != "web" || c.Number != 1 || c.Command != "/worker" || c.Usage != nil && c.Usage.MemoryLimit != 64<<20 {
		t.Errorf("container %+v", c)
	}
	r.check(r.ContainerKill(r.ctx, id, "KILL"))
	st = s.await("killed container", func(st State) bool { return st.Overall() == Down && !st.Containers[0].FinishedAt.IsZero() })
	if c := st.Containers[0]; c.State != "exited" || c.ExitCode != 137 || c.Usage != nil {
		t.Errorf("container %+v", c)
	}
	s.awaitEvent("web-1 created")
	s.awaitEvent("web-1 started")
	s.awaitEvent("web-1 died with exit code 137")
}

func TestEngineStopAndRestartAreOneEventEach(t *testing.T) {
	r := connectEngine(t)
	id := r.create("web", 1)
	r.check(r.ContainerStart(r.ctx, id, container.StartOptions{}))
	s := r.watch(Options{NoStats: true})
	st := s.await("running container", func(st State) bool { return st.Overall() == Up && !st.Containers[0].StartedAt.IsZero() })
	zero := 0
	r.check(r.ContainerRestart(r.ctx, id, container.StopOptions{Timeout: &zero}))
	s.awaitEvent("web-1 restarted")
	s.await("another start", func(now State) bool { return now.Containers[0].StartedAt.After(st.Containers[0].StartedAt) })
	r.check(r.ContainerStop(r.ctx, id, container.StopOptions{Timeout: &zero}))
	s.await("stop", func(st State) bool { return st.Overall() == Down })
	s.until("two stops", func() bool {
		stops := 0
		for _, e := range s.events {
			if e.Kind == EventStop {
				stops++
			}
		}
		return stops == 2
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Kind == EventDie || e.Kind == EventStart {
			t.Errorf("also told %q", e.Text)
		}
	}
}

func TestEngineUsageIsThatOfDockerStats(t *testing.T) {
	r := connectEngine(t)
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("needs the docker command")
	}
	id := r.create("web", 1)
	r.check(r.ContainerStart(r.ctx, id, container.StartOptions{}))
	s := r.watch(Options{})
	s.await("usage", func(st State) bool { return len(st.Containers) == 1 && st.Containers[0].Usage != nil })
	out, err := exec.CommandContext(r.ctx, "docker", "stats", "--no-stream", "--format", "{{.CPUPerc}} {{.PIDs}} {{.MemUsage}}", id).Output()
	r.check(err)
	fields := strings.Fields(string(out)) // 33.10% 5 1.5MiB / 64MiB
	if len(fields) != 5 {
		t.Fatalf("docker stats said %q", out)
	}
	cpu, err := strconv.ParseFloat(strings.TrimSuffix(fields[0], "%"), 64)
	r.check(err)
	memory, err := strconv.ParseFloat(strings.TrimRight(fields[2], "KMiB"), 64)
	r.check(err)
	if strings.HasSuffix(fields[2], "KiB") {
		memory /= 1 << 10
	}
	began := time.Now()
	st := s.await("usage after", func(st State) bool { return st.Containers[0].Usage != nil && st.Containers[0].Usage.At.After(began) })
	u := st.Containers[0].Usage
	t.Logf("docker stats: %s; here: %+v", bytes.TrimSpace(out), *u)
	// The machine may be busy, so that this tells a wrong unit, not a wrong digit.
	if math.Abs(u.CPU-cpu) > 20 || math.Abs(float64(u.Memory)/(1<<20)-memory) > 2 || u.MemoryLimit != 64<<20 || u.PIDs == 0 {
		t.Errorf("docker stats: %s; here: %+v", out, *u)
	}
}

func TestEngineInspect(t *testing.T) {
	r := connectEngine(t)
	d, err := Inspect(r.ctx, r.Engine, r.create("web", 1))
	r.check(err)
	text := fmt.Sprint(d)
	if !strings.Contains(text, "{API_TOKEN "+mask.Hidden+"}") || strings.Contains(text, "hunter2") || !strings.Contains(text, "{state created}") {
		t.Errorf("details %s", text)
	}
	if _, err := Inspect(r.ctx, r.Engine, "nobody"); err == nil {
		t.Error("a container that is not there was described")
	}
}
