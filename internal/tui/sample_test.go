package tui

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/tui/feed"
	"stackctl.dev/stackctl/internal/tui/tuitest"
	"stackctl.dev/stackctl/internal/tui/visitpane"
)

// TestMain has all tests in one time zone: times are shown in the local one.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// noon is the clock of the samples.
var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// noRedis is a store that nobody reaches.
func noRedis(context.Context) (net.Conn, error) { return nil, errors.New("no Redis in this test") }

// operatorFake notes what is asked of it.
type operatorFake struct {
	mu    sync.Mutex
	calls []string
	err   error
	hold  chan struct{} // work waits for it, if it is not nil
}

var _ Operator = (*operatorFake)(nil)

func (o *operatorFake) note(format string, args ...any) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, fmt.Sprintf(format, args...))
	return o.err
}

func (o *operatorFake) Up(ctx context.Context, sink report.Sink) (string, error) {
	sink(report.Event{Kind: report.Started, Verb: "start container", Object: "demo-web-1"})
	if o.hold != nil {
		select {
		case <-o.hold:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return "ready in 1s", o.note("up")
}
func (o *operatorFake) Down(context.Context, report.Sink) (string, error) {
	return "removed", o.note("down")
}
func (o *operatorFake) Scale(_ context.Context, service string, n int, _ report.Sink) (string, error) {
	return "ready", o.note("scale %s=%d", service, n)
}
func (o *operatorFake) Restart(_ context.Context, id string, _ report.Sink) error {
	return o.note("restart %s", id)
}
func (o *operatorFake) Stop(_ context.Context, id string, _ report.Sink) error {
	return o.note("stop %s", id)
}
func (o *operatorFake) Start(_ context.Context, id string, sink report.Sink) error {
	sink(report.Event{Kind: report.Started, Verb: "start container", Object: id, Detail: "a step"})
	sink(report.Event{Kind: "message", Detail: "another stackctl was waited for"})
	return o.note("start %s", id)
}
func (o *operatorFake) Shell(context.Context, watch.Container) (*exec.Cmd, error) {
	return nil, errors.New("there is no shell")
}

func sampleContainer(service string, number int, state, health string) watch.Container {
	var c watch.Container
	c.ID, c.Name = fmt.Sprintf("%s-%d", service, number), fmt.Sprintf("demo-%s-%d", service, number)
	c.Service, c.Number, c.State, c.Health = service, number, state, health
	c.Image, c.Revision, c.StartedAt = "stackctl-"+service+":1.2.3", "3f2a9c1", noon.Add(-3*time.Hour)
	c.Addresses = map[string]netip.Addr{"demo_default": netip.AddrFrom4([4]byte{10, 0, 0, byte(10*len(service) + number)})}
	c.Labels = map[string]string{}
	if state == "running" {
		c.Usage = &watch.Usage{CPU: 12.3, Memory: 20 << 20, MemoryLimit: 128 << 20, RxRate: 12000, TxRate: 34000, PIDs: 9}
	}
	return c
}

func sampleState() watch.State {
	nginx := sampleContainer("nginx", 1, "running", "healthy")
	nginx.Labels[label.Ready] = "5002/readyz"
	nginx.Ports = []observe.Port{{IP: "127.0.0.1", PrivatePort: 5002, PublicPort: 5002, Type: "tcp"}}
	redis := sampleContainer("redis", 1, "running", "healthy")
	redis.Labels[label.StorePort] = "6379"
	dead := sampleContainer("web", 2, "exited", "")
	dead.ExitCode = 137
	return watch.State{
		At: noon, Project: "demo", Engine: watch.Engine{Context: "default", Version: "20.10.24", API: "1.41"},
		Containers: []watch.Container{nginx, redis, sampleContainer("web", 1, "running", "healthy"), dead},
	}
}

// newTestModel makes a model that reads nothing.
func newTestModel(t *testing.T, operator Operator, o Options) *Model {
	t.Helper()
	src := Sources{
		Project: "demo", Redis: noRedis, Operator: operator,
		Details: func(_ context.Context, id string) (watch.Details, error) {
			return watch.Details{Name: id, Sections: []watch.Section{{Title: "environment", Rows: []watch.Row{{Name: "REDIS_HOST", Value: "redis"}}}}}, nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	o.Themes, o.Clock = tuitest.Themes(), func() time.Time { return noon }
	client, session := store.Open(noRedis), console.New(noRedis, 0)
	t.Cleanup(func() { _ = client.Close(); _ = session.Close() })
	return newModel(ctx, src, client, session, o)
}

// sampleModel shows a stack in which something is wrong.
func sampleModel(t *testing.T, o Options) *Model {
	t.Helper()
	m := newTestModel(t, &operatorFake{}, o)
	for i := range 120 {
		at := noon.Add(time.Duration(i-119) * time.Second)
		for range i % 7 {
			line := fmt.Sprintf(`{"time":"t","request_id":"r%d","remote":"10.0.0.1","method":"GET","uri":"/count","status":200,"bytes":35,"request_time":0.00%d,"upstream":"10.0.0.31:5002","upstream_status":"200","upstream_connect_time":"0.000","upstream_response_time":"0.001","user_agent":"x"}`, i, i%9)
			m.requests.Add(at, "", []byte(line))
		}
		m.send(visitpane.Count{At: at, Visits: int64(1000 + i*i)})
	}
	m.send(stateMsg(sampleState()), eventMsg(watch.Event{At: noon.Add(-20 * time.Second), Kind: watch.EventDie, Service: "web", Container: "demo-web-2", Text: "web-2 died with exit code 137"}))
	m.send(feed.Batch{Lines: []logs.Line{
		sampleLine("redis", 1, "1:M 25 Nov 2026 11:59:00.000 * Ready to accept connections"),
		sampleLine("web", 1, `{"time":"2026-11-25T11:59:01Z","level":"INFO","msg":"request","request_id":"r-1","method":"GET","path":"/count","status":200,"duration_ms":0.8,"bytes":35}`),
		sampleLine("nginx", 1, `{"time":"2026-11-25T11:59:01+00:00","request_id":"r-1","method":"GET","uri":"/count","status":200,"request_time":0.001}`),
		sampleLine("web", 1, `{"time":"2026-11-25T11:59:02Z","level":"ERROR","msg":"cannot count","error":"世界 👍 is away"}`),
	}})
	return m
}

func sampleLine(service string, replica int, text string) logs.Line {
	return logs.Line{Time: noon.Add(-time.Minute), Container: fmt.Sprintf("demo-%s-%d", service, replica), Service: service, Replica: replica, Text: []byte(text)}
}

// send gives messages to the model, without carrying out what it asks for.
func (m *Model) send(msgs ...tea.Msg) {
	for _, msg := range msgs {
		m.Update(msg)
	}
}
