package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/orchestrate/label"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEngine lists what it was given, and tells those who subscribed.
type fakeEngine struct {
	mu         sync.Mutex
	containers []container.Summary
	infos      map[string]container.InspectResponse
	cpu        map[string]time.Duration
	down       error
	msgs       chan events.Message
	broken     chan error

	lists, inspects, stats int
	inspectsAtOnce, most   int
	slowInspect            time.Duration
	late                   map[string]string // by ID: the state that the list says only after an inspection
	slowStats              map[string]bool   // answer only when the call's time is over
}

var _ Source = (*fakeEngine)(nil)

func newFake() *fakeEngine {
	return &fakeEngine{
		infos: map[string]container.InspectResponse{}, cpu: map[string]time.Duration{}, slowStats: map[string]bool{},
		msgs: make(chan events.Message), broken: make(chan error, 1),
	}
}

func (f *fakeEngine) add(service string, n int, change ...func(*container.Summary, *container.InspectResponse)) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := fmt.Sprintf("id-%s-%d", service, n)
	s := container.Summary{
		ID: id, Names: []string{fmt.Sprintf("/p-%s-%d", service, n)}, State: "running", Status: "Up 2 seconds", ImageID: "sha256:1",
		Labels: map[string]string{
			label.Project: "p", label.Service: service, label.ContainerNumber: fmt.Sprint(n),
			label.OneOff: "False", label.ConfigHash: "abc",
		},
	}
	info := container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{
		ID: id, Name: s.Names[0], Path: "/" + service,
		State:      &container.State{Status: "running", Running: true, StartedAt: "2026-01-02T03:04:05Z", FinishedAt: "0001-01-01T00:00:00Z"},
		HostConfig: &container.HostConfig{RestartPolicy: container.RestartPolicy{Name: "unless-stopped"}},
	}}
	for _, c := range change {
		c(&s, &info)
	}
	f.containers = append(f.containers, s)
	f.infos[id] = info
	return id
}

// change changes a listed container.
func (f *fakeEngine) change(id string, change func(*container.Summary, *container.State)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.containers {
		if f.containers[i].ID == id {
			state := *f.infos[id].State
			change(&f.containers[i], &state)
			base := *f.infos[id].ContainerJSONBase
			base.State = &state
			f.infos[id] = container.InspectResponse{ContainerJSONBase: &base}
		}
	}
}

func (f *fakeEngine) setDown(err error) {
	f.mu.Lock()
	f.down = err
	f.mu.Unlock()
	if err != nil {
		f.broken <- err
	}
}

func (f *fakeEngine) tell(t *testing.T, action events.Action, id string, extra ...string) {
	t.Helper()
	parts := strings.Split(id, "-")
	attributes := map[string]string{"name": "p-" + parts[1] + "-" + parts[2], label.Service: parts[1], label.ContainerNumber: parts[2]}
	for i := 0; i+1 < len(extra); i += 2 {
		attributes[extra[i]] = extra[i+1]
	}
	select {
	case f.msgs <- events.Message{Type: events.ContainerEventType, Action: action, Actor: events.Actor{ID: id, Attributes: attributes}, TimeNano: time.Now().UnixNano()}:
	case <-time.After(5 * time.Second):
		t.Fatalf("event %q was not read", action)
	}
}

func (f *fakeEngine) ContainerList(ctx context.Context, o container.ListOptions) ([]container.Summary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	if f.down != nil {
		return nil, f.down
	}
	if !o.All || !o.Filters.ExactMatch("label", label.Project+"=p") {
		return nil, errors.New("not the project's list")
	}
	return append([]container.Summary(nil), f.containers...), nil
}

func (f *fakeEngine) ContainerInspect(ctx context.Context, id string) (container.InspectResponse, error) {
	f.mu.Lock()
	f.inspects++
	f.inspectsAtOnce++
	f.most = max(f.most, f.inspectsAtOnce)
	slow := f.slowInspect
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.inspectsAtOnce--
		f.mu.Unlock()
	}()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return container.InspectResponse{}, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.containers {
		if late, ok := f.late[f.containers[i].ID]; ok && f.containers[i].ID == id {
			f.containers[i].State = late
		}
	}
	info, ok := f.infos[id]
	if !ok || f.down != nil {
		return container.InspectResponse{}, errors.New("no such container")
	}
	return info, nil
}

func (f *fakeEngine) ContainerStatsOneShot(ctx context.Context, id string) (container.StatsResponseReader, error) {
	f.mu.Lock()
	slow := f.slowStats[id]
	f.mu.Unlock()
	if slow {
		<-ctx.Done()
		return container.StatsResponseReader{}, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats++
	if f.down != nil {
		return container.StatsResponseReader{}, f.down
	}
	f.cpu[id] += time.Millisecond
	text := fmt.Sprintf(`{"read":%q,"cpu_stats":{"cpu_usage":{"total_usage":%d}},"memory_stats":{"usage":1000,"limit":5000},"pids_stats":{"current":3}}`,
		time.Now().Format(time.RFC3339Nano), f.cpu[id])
	return container.StatsResponseReader{Body: io.NopCloser(strings.NewReader(text))}, nil
}

func (f *fakeEngine) Events(context.Context, events.ListOptions) (<-chan events.Message, <-chan error) {
	return f.msgs, f.broken
}

func (f *fakeEngine) count(what *int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *what
}

// seen collects what Run tells.
type seen struct {
	t      *testing.T
	mu     sync.Mutex
	states []State
	events []Event
	more   chan struct{}
}

// watchFake runs until the test ends.
func watchFake(t *testing.T, f *fakeEngine, o Options) *seen {
	t.Helper()
	o.Project = "p"
	return watching(t, o, func(context.Context) (Source, Engine, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f, Engine{Address: "unix:///fake.sock"}, f.down
	})
}

func watching(t *testing.T, o Options, connect func(context.Context) (Source, Engine, error)) *seen {
	t.Helper()
	s := &seen{t: t, more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, connect, o, Sink{
			State: func(st State) { s.mu.Lock(); s.states = append(s.states, st); s.mu.Unlock(); s.grew() },
			Event: func(e Event) { s.mu.Lock(); s.events = append(s.events, e); s.mu.Unlock(); s.grew() },
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Run returned %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not end")
		}
	})
	return s
}

func (s *seen) grew() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// await waits for a State, looking at the newest.
func (s *seen) await(what string, ok func(State) bool) State {
	s.t.Helper()
	var last State
	s.until(what, func() bool {
		if len(s.states) == 0 {
			return false
		}
		last = s.states[len(s.states)-1]
		return ok(last)
	})
	return last
}

func (s *seen) awaitEvent(text string) Event {
	s.t.Helper()
	var found Event
	s.until("event "+text, func() bool {
		for _, e := range s.events {
			if e.Text == text {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

func (s *seen) until(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		done := ok()
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-s.more:
		case <-deadline.C:
			s.mu.Lock()
			defer s.mu.Unlock()
			s.t.Fatalf("no %s; %d states, the last: %+v\nevents: %+v", what, len(s.states), s.states[max(0, len(s.states)-1):], s.events)
		}
	}
}

func (s *seen) counts() (states, events int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.states), len(s.events)
}

// pass lets time go by in which nothing should happen.
func pass(d time.Duration) { <-time.After(d) }
