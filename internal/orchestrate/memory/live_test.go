package memory_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/project"
)

var (
	_ project.Engine = (*memory.Engine)(nil)
	_ watch.Source   = (*memory.Engine)(nil)
	_ logs.Source    = (*memory.Engine)(nil)
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a process that says what happens to it.
type echo struct {
	container memory.Container
	mu        sync.Mutex
	did       []string
}

func (p *echo) add(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did = append(p.did, what)
}

func (p *echo) Start(c memory.Container) error {
	p.container = c
	fmt.Fprintln(c.Out, "hello")
	if c.Files["/etc/f"] == "bad" {
		return errors.New("its file is bad")
	}
	p.add("start")
	return nil
}

func (p *echo) Reload(c memory.Container) { p.add("reload " + c.Files["/etc/f"]) }
func (p *echo) Stop(killed bool)          { p.add(fmt.Sprint("stop ", killed)) }
func (p *echo) Usage() memory.Usage {
	return memory.Usage{CPU: time.Second, Memory: 5, Received: 7, Sent: 9}
}

func (p *echo) Dial(_ context.Context, port string) (net.Conn, error) {
	return nil, errors.New("dialed " + port)
}

// running is a container x of project p with an echo in it.
func running(t *testing.T) (rig, *echo) {
	r, p := newRig(t), &echo{}
	r.RunImage("a", func(string) memory.Program { return memory.Program{Process: p} })
	r.ok(r.network("net", "10.0.0.0/24"))
	r.ok(r.create("x", func(c *container.Config, _ *container.HostConfig, _ *network.EndpointSettings) {
		c.Labels = map[string]string{label.Project: "p", label.Service: "s"}
	}))
	r.WriteFile("x", "/etc/f", "good")
	r.ok(r.start("x"))
	return r, p
}

func TestProcess(t *testing.T) {
	r, p := running(t)
	if p.container.Name != "x" || p.container.Addresses["net"].String() != "10.0.0.2" {
		t.Errorf("it saw %+v", p.container)
	}
	r.WriteFile("x", "/etc/f", "new")
	r.ok(r.ContainerKill(t.Context(), "x", "SIGHUP"))
	if _, err := r.DialService(t.Context(), "p", "s:80"); err == nil || err.Error() != "dialed 80" {
		t.Errorf("dialing: %v", err)
	}
	r.ok(r.ContainerStop(t.Context(), "x", container.StopOptions{}))
	r.ok(r.start("x"))
	r.ok(r.ContainerKill(t.Context(), "x", "SIGKILL"))
	r.ok(r.start("x"))
	r.ok(r.ContainerRemove(t.Context(), "x", container.RemoveOptions{Force: true}))
	want := []string{"start", "reload new", "stop false", "start", "stop true", "start", "stop true"}
	if !slices.Equal(p.did, want) {
		t.Errorf("it did %q, want %q", p.did, want)
	}
	if _, err := r.DialService(t.Context(), "p", "s:80"); err == nil || !strings.Contains(err.Error(), "nothing runs there") {
		t.Errorf("dialing nobody: %v", err)
	}
}

func TestProcessThatDoesNotStart(t *testing.T) {
	r, _ := running(t)
	r.WriteFile("x", "/etc/f", "bad")
	r.ok(r.ContainerStop(t.Context(), "x", container.StopOptions{}))
	r.ok(r.start("x"))
	if list, err := r.ContainerList(t.Context(), container.ListOptions{All: true}); err != nil || !strings.HasPrefix(list[0].Status, "Exited (1)") {
		t.Errorf("%+v, %v", list, err)
	}
	if lines := r.stream(logs.Options{Project: "p", Tail: 1}); lines[0] != "its file is bad" {
		t.Errorf("logs: %q", lines)
	}
}

func (r rig) stream(o logs.Options) (lines []string) {
	r.t.Helper()
	r.ok(logs.Stream(r.t.Context(), r.Engine, o, func(l logs.Line) error { lines = append(lines, string(l.Text)); return nil }))
	return lines
}

func TestLogsAreFollowed(t *testing.T) {
	r, p := running(t)
	ctx, cancel := context.WithCancel(t.Context())
	var lines []string
	err := logs.Stream(ctx, r.Engine, logs.Options{Project: "p", Tail: -1, Follow: true, Window: time.Millisecond}, func(l logs.Line) error {
		switch lines = append(lines, string(l.Text)); len(lines) {
		case 1:
			fmt.Fprintln(p.container.Out, "one\ntwo")
		case 3:
			r.ok(r.ContainerStop(ctx, "x", container.StopOptions{}))
			r.ok(r.start("x"))
		case 4:
			cancel()
		}
		return nil
	})
	if want := []string{"hello", "one", "two", "hello"}; !errors.Is(err, context.Canceled) || !slices.Equal(lines, want) {
		t.Errorf("got %q, %v", lines, err)
	}
	if lines := r.stream(logs.Options{Project: "p", Tail: 2}); !slices.Equal(lines, []string{"two", "hello"}) {
		t.Errorf("the end of it: %q", lines)
	}
}

func TestLogsAreBounded(t *testing.T) {
	r, p := running(t)
	for range 10000 {
		fmt.Fprintln(p.container.Out, "x")
	}
	fmt.Fprintln(p.container.Out, "last")
	if lines := r.stream(logs.Options{Project: "p", Tail: -1}); len(lines) < 2000 || len(lines) > 4000 || lines[len(lines)-1] != "last" {
		t.Errorf("%d lines", len(lines))
	}
}

func TestUsage(t *testing.T) {
	r, _ := running(t)
	states := make(chan watch.State, 100)
	ctx, cancel := context.WithCancel(t.Context())
	connect := func(context.Context) (watch.Source, watch.Engine, error) { return r.Engine, watch.Engine{}, nil }
	var watching sync.WaitGroup
	watching.Go(func() {
		_ = watch.Run(ctx, connect, watch.Options{Project: "p", StatsEvery: 10 * time.Millisecond}, watch.Sink{State: func(s watch.State) { states <- s }})
	})
	for st := range states {
		if u := st.Containers[0].Usage; u != nil {
			if u.Memory != 5 || u.Rx != 7 || u.Tx != 9 || u.PIDs != 1 {
				t.Errorf("%+v", u)
			}
			break
		}
	}
	cancel()
	watching.Wait()
}

func TestEventsAreFollowed(t *testing.T) {
	r, _ := running(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	messages, errs := r.Events(ctx, events.ListOptions{Filters: filters.NewArgs(filters.Arg("label", label.Project+"=p"))})
	r.ok(r.create("other"))
	r.ok(r.ContainerStop(ctx, "x", container.StopOptions{}))
	r.ok(r.remove("x"))
	var got []string
	for range 4 {
		m := <-messages
		got = append(got, string(m.Action)+" "+m.Actor.Attributes["signal"]+m.Actor.Attributes["exitCode"])
	}
	if want := []string{"kill 15", "die 0", "stop ", "destroy "}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	broken := errors.New("broken")
	r.Lose(broken)
	if err := <-errs; !errors.Is(err, broken) {
		t.Errorf("the subscription ended with %v", err)
	}
	if err := r.start("other"); !errors.Is(err, broken) {
		t.Errorf("a call: %v", err)
	}
	r.Lose(nil)
	if _, err := r.ContainerList(ctx, container.ListOptions{}); err != nil {
		t.Error(err)
	}
}
