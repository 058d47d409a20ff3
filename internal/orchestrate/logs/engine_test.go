package logs_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

// realEngine runs containers of a project of its own, and removes them.
type realEngine struct {
	*engine.Engine
	t       *testing.T
	ctx     context.Context
	project string
	image   string
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
	project := fmt.Sprintf("stackctl-logs-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	r := &realEngine{Engine: e, t: t, ctx: ctx, project: project, image: project + ":test"}
	r.importTalker()
	return r
}

// importTalker makes an image of the one static program, without any registry.
func (r *realEngine) importTalker() {
	r.t.Helper()
	version, err := r.ServerVersion(r.ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.t.TempDir(), "talker")
	build := exec.CommandContext(r.ctx, "go", "build", "-o", path, "./testdata/talker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+version.Os, "GOARCH="+version.Arch)
	if out, err := build.CombinedOutput(); err != nil {
		r.t.Fatalf("building talker: %v\n%s", err, out)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err = w.WriteHeader(&tar.Header{Name: "talker", Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = w.Write(program)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		r.t.Fatal(err)
	}
	done, err := r.ImageImport(r.ctx, image.ImportSource{Source: &archive, SourceName: "-"}, r.image, image.ImportOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, done)
	if err := errors.Join(err, done.Close()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if _, err := r.ImageRemove(context.WithoutCancel(r.ctx), r.image, image.RemoveOptions{Force: true}); err != nil {
			r.t.Errorf("removing image: %v", err)
		}
	})
}

// run starts a talker as replica n of a service and returns its container's ID.
func (r *realEngine) run(service string, n int, tty bool, args ...string) string {
	r.t.Helper()
	return r.runLogged(container.LogConfig{Type: "json-file"}, service, n, tty, args...)
}

func (r *realEngine) runLogged(log container.LogConfig, service string, n int, tty bool, args ...string) string {
	r.t.Helper()
	created, err := r.ContainerCreate(r.ctx, &container.Config{
		Image: r.image, Cmd: append([]string{"/talker"}, args...), Tty: tty,
		Labels: map[string]string{
			label.Project: r.project, label.Service: service, label.ContainerNumber: strconv.Itoa(n), label.OneOff: "False",
		},
	}, &container.HostConfig{NetworkMode: "none", LogConfig: log}, nil, nil, fmt.Sprintf("%s-%s-%d", r.project, service, n))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := r.ContainerRemove(context.WithoutCancel(r.ctx), created.ID, container.RemoveOptions{Force: true}); err != nil {
			r.t.Errorf("removing container: %v", err)
		}
	})
	r.check(r.ContainerStart(r.ctx, created.ID, container.StartOptions{}))
	return created.ID
}

func (r *realEngine) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// exited waits for containers to end by themselves.
func (r *realEngine) exited(ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		codes, errs := r.ContainerWait(r.ctx, id, container.WaitConditionNotRunning)
		select {
		case err := <-errs:
			r.t.Fatal(err)
		case <-codes:
		}
	}
}

// collector gathers lines and counts the runs that have ended.
type collector struct {
	mu    sync.Mutex
	lines []logs.Line
	ends  int
	grown chan struct{}
}

func newCollector() *collector { return &collector{grown: make(chan struct{}, 1)} }

func (c *collector) emit(l logs.Line) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, l)
	if strings.Contains(string(l.Text), " end ") {
		c.ends++
	}
	select {
	case c.grown <- struct{}{}:
	default:
	}
	return nil
}

// await waits until a condition on what came holds.
func (c *collector) await(r *realEngine, what string, holds func() bool) {
	r.t.Helper()
	for {
		c.mu.Lock()
		ok := holds()
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.ctx.Done():
			r.t.Fatalf("waiting for %s: %v", what, r.ctx.Err())
		case <-c.grown:
		}
	}
}

// checkRuns checks that every run of every talker is there from its first line to its last, each line once.
func (c *collector) checkRuns(t *testing.T, wantRuns int) {
	t.Helper()
	seqs, ends := map[string][]int{}, map[string]int{}
	for _, l := range c.lines {
		fields := strings.Fields(string(l.Text))
		last, err := strconv.Atoi(fields[len(fields)-1])
		if err != nil {
			t.Fatalf("line %q", l.Text)
		}
		if len(fields) == 3 {
			ends[fields[0]] = last
			continue
		}
		seqs[fields[0]] = append(seqs[fields[0]], last)
		if wantErr := last%3 == 0; l.Stderr != wantErr {
			t.Errorf("line %q: stderr %v, want %v", l.Text, l.Stderr, wantErr)
		}
	}
	if len(ends) != wantRuns {
		t.Errorf("%d runs ended, want %d", len(ends), wantRuns)
	}
	for run, got := range seqs {
		slices.Sort(got) // the engine itself may write stdout and stderr in another order
		for want, seq := range got {
			if seq != want {
				t.Fatalf("run %s: line %d is missing or came twice", run, want)
			}
		}
		if len(got) != ends[run] {
			t.Errorf("run %s: %d lines, want %d", run, len(got), ends[run])
		}
	}
}

func TestEngineHistory(t *testing.T) {
	r := connectEngine(t)
	talkers := []string{r.run("web", 1, false, "talk"), r.run("web", 2, false, "talk"), r.run("redis", 1, false, "talk")}
	said := r.run("say", 1, false, "say", "one", "!two", "three")
	long, tty := r.run("long", 1, false, "long", "102400"), r.run("tty", 1, true, "long", "102400")
	r.exited(said, long, tty)
	grace := 10
	for _, id := range talkers {
		r.check(r.ContainerStop(r.ctx, id, container.StopOptions{Timeout: &grace}))
	}

	c := newCollector()
	r.check(logs.Stream(r.ctx, r.Engine, logs.Options{Project: r.project, Services: []string{"web", "redis"}, Tail: -1}, c.emit))
	c.checkRuns(t, 3)
	// Within one container the engine's own order counts, which may be off by one between stdout and stderr.
	latest := map[string]time.Time{}
	var reached time.Time
	for _, l := range c.lines {
		if own := latest[l.Container]; l.Time.Before(reached) && !l.Time.Before(own) && reached.Sub(l.Time) > 5*time.Millisecond {
			t.Errorf("line %q of %s at %v comes after %v", l.Text, l.Container, l.Time, reached)
		}
		latest[l.Container] = l.Time
		if l.Time.After(reached) {
			reached = l.Time
		}
	}

	c = newCollector()
	r.check(logs.Stream(r.ctx, r.Engine, logs.Options{Project: r.project, Services: []string{"say", "long", "tty"}, Tail: -1}, c.emit))
	var got []string
	for _, l := range c.lines {
		got = append(got, fmt.Sprintf("%s-%d %.5s %d %v %v", l.Service, l.Replica, l.Text, len(l.Text), l.Stderr, l.Truncated))
	}
	slices.Sort(got)
	want := []string{
		"long-1 xxxxx 102400 false false", "say-1 one 3 false false", "say-1 three 5 false false", "say-1 two 3 true false", "tty-1 xxxxx 102400 false false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEngineFollow(t *testing.T) {
	r := connectEngine(t)
	grace := 10
	web := r.run("web", 1, false, "talk")
	c := newCollector()
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan error, 1)
	go func() {
		done <- logs.Stream(ctx, r.Engine, logs.Options{Project: r.project, Follow: true, Tail: -1, Warn: func(name string, err error) {
			t.Errorf("warning for %q: %v", name, err)
		}}, c.emit)
	}()
	stopped := false
	end := func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("following ended with %v", err)
			}
		}
	}
	defer end()

	for run := range 3 {
		from := 0
		c.await(r, "lines of a run", func() bool { from = len(c.lines); return c.ends == run && from > 0 })
		c.await(r, "more lines", func() bool { return len(c.lines) >= from+300 })
		r.check(r.ContainerRestart(r.ctx, web, container.StopOptions{Timeout: &grace}))
		c.await(r, "a run's end", func() bool { return c.ends == run+1 })
	}
	second := r.run("web", 2, false, "talk")
	c.await(r, "the second replica", func() bool {
		return slices.ContainsFunc(c.lines, func(l logs.Line) bool { return l.Replica == 2 })
	})
	for _, id := range []string{web, second} {
		r.check(r.ContainerStop(r.ctx, id, container.StopOptions{Timeout: &grace}))
	}
	c.await(r, "both ends", func() bool { return c.ends == 5 })
	end()
	c.checkRuns(t, 5)
}
