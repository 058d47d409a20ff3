package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/demo"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/project"
	"stackctl.dev/stackctl/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a demonstration under test, a client and a watcher.
type site struct {
	*demo.Stack
	t      *testing.T
	client *http.Client

	mu     sync.Mutex
	states []watch.State
	events []watch.Event
}

func start(t *testing.T, o demo.Options) *site {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // for the lock
	if o.UsageEvery == 0 {
		o.UsageEvery = -1
	}
	d, err := demo.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	s := &site{Stack: d, t: t, client: &http.Client{Transport: transport, Timeout: 10 * time.Second}}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		err := d.Watch(ctx, watch.Sink{
			State: func(st watch.State) { s.mu.Lock(); defer s.mu.Unlock(); s.states = append(s.states, st) },
			Event: func(e watch.Event) { s.mu.Lock(); defer s.mu.Unlock(); s.events = append(s.events, e) },
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("watching ended with %v", err)
		}
	})
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		d.Close()
		d.Close() // again does nothing
		cancel()
		watching.Wait()
	})
	s.wait("the first state", func() bool { return len(s.states) > 0 })
	return s
}

// wait polls until cond holds; cond is called with the lock held.
func (s *site) wait(what string, cond func() bool) {
	s.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		ok := cond()
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// last is the latest state; the lock is held.
func (s *site) last() watch.State { return s.states[len(s.states)-1] }

func (s *site) told(text string) func() bool {
	return func() bool {
		return slices.ContainsFunc(s.events, func(e watch.Event) bool { return e.Text == text })
	}
}

func (s *site) find(name string) watch.Container {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.last().Containers {
		if c.Name == name {
			return c
		}
	}
	return watch.Container{}
}

func (s *site) get(path string) (int, string) {
	response, err := s.client.Get(s.URL() + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}

// act does something to one container.
func (s *site) act(ctx context.Context, act project.Act, id string) error {
	_, err := s.Project(nil).Act(ctx, act, project.ActOptions{Container: id})
	return err
}

func (s *site) scale(ctx context.Context, n int) error {
	_, err := s.Project(nil).Scale(ctx, project.UpOptions{Replicas: map[string]int{"web": n}})
	return err
}

func (s *site) up(ctx context.Context) error {
	p := s.Project(nil)
	described, err := project.Choose(ctx, p.Files, project.UpOptions{})
	if err == nil {
		_, err = p.Up(ctx, described, project.UpOptions{})
	}
	return err
}

func (s *site) down(ctx context.Context) error {
	_, _, err := s.Project(nil).Down(ctx, project.DownOptions{})
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lines reads the log until done says that it has enough.
func (s *site) lines(done func([]logs.Line) bool) []logs.Line {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	var lines []logs.Line
	enough := errors.New("enough")
	err := s.Logs(ctx, func(l logs.Line) error {
		lines = append(lines, l)
		if done(lines) {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		s.t.Fatalf("after %d lines: %v", len(lines), err)
	}
	return lines
}

func TestTheTiersAnswer(t *testing.T) {
	s := start(t, demo.Options{})
	for _, c := range []struct {
		path, body string
	}{
		{"", "Welcome to the CoderCo Container Challenge"},
		{"count", "This page has been visited 1 times."},
		{"readyz", "ready"},
		{"count", "This page has been visited 2 times."},
	} {
		if status, body := s.get(c.path); status != 200 || body != c.body {
			t.Errorf("/%s: %d %q", c.path, status, body)
		}
	}
	s.wait("what is known of each container", func() bool {
		return !slices.ContainsFunc(s.last().Containers, func(c watch.Container) bool { return c.StartedAt.IsZero() })
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.last()
	if st.Overall() != watch.Up || st.URL() != s.URL() || st.Err != nil {
		t.Errorf("%s at %s, want %s: %+v", st.Overall(), st.URL(), s.URL(), st)
	}
	var names []string
	for _, c := range st.Containers {
		names = append(names, c.Name)
		if c.State != "running" || c.Health != "healthy" || time.Since(c.StartedAt) > time.Minute || c.Image != "in-this-process/"+c.Service || len(c.ID) != 64 {
			t.Errorf("%+v", c)
		}
	}
	if want := []string{"demo-nginx-1", "demo-redis-1", "demo-web-1", "demo-web-2"}; !slices.Equal(names, want) {
		t.Errorf("containers %v, want %v", names, want)
	}
}

func TestEveryVisitHasItsNumber(t *testing.T) {
	const workers, each = 8, 25
	s := start(t, demo.Options{Replicas: 3})
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	for range workers {
		wg.Go(func() {
			for range each {
				status, body := s.get("count")
				mu.Lock()
				seen[fmt.Sprint(status, " ", body)]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for n := 1; n <= workers*each; n++ {
		if text := fmt.Sprintf("200 This page has been visited %d times.", n); seen[text] != 1 {
			t.Errorf("%q was answered %d times", text, seen[text])
		}
	}
}

// TestARequestIsLogged checks what the proxy and the web tier say of one request.
func TestARequestIsLogged(t *testing.T) {
	s := start(t, demo.Options{Replicas: 1})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"count?q=1", nil)
	must(t, err)
	request.Header.Set("X-Request-ID", "abc-1")
	request.Header.Set("User-Agent", "a \"quoted\" \\ agent\u00e9")
	response, err := s.client.Do(request)
	must(t, err)
	response.Body.Close()
	all := s.lines(func(lines []logs.Line) bool {
		return of(lines, "nginx", "abc-1") != nil && of(lines, "web", "abc-1") != nil
	})
	line := of(all, "nginx", "abc-1")
	var fields map[string]any
	must(t, json.Unmarshal(line.Text, &fields))
	for key, value := range map[string]any{
		"method": "GET", "uri": "/count?q=1", "status": 200.0, "bytes": 35.0, "remote": "127.0.0.1",
		"upstream": s.find("demo-web-1").Addresses["demo_default"].String() + ":5002", "upstream_status": "200", "user_agent": "a \"quoted\" \\ agent\u00e9",
	} {
		if fields[key] != value {
			t.Errorf("%s is %v, want %v", key, fields[key], value)
		}
	}
	at, err := time.Parse(time.RFC3339, fields["time"].(string))
	must(t, err)
	if line.Container != "demo-nginx-1" || line.Replica != 1 || time.Since(line.Time) > time.Minute || time.Since(at) > time.Minute {
		t.Errorf("%+v", line)
	}
}

func of(lines []logs.Line, service, text string) *logs.Line {
	for _, l := range lines {
		if l.Service == service && bytes.Contains(l.Text, []byte(text)) {
			return &l
		}
	}
	return nil
}

func TestAReplicaIsStoppedWithoutAFailure(t *testing.T) {
	s := start(t, demo.Options{Replicas: 3})
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var mu sync.Mutex
	answers := map[int]int{}
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				status, _ := s.get("count")
				mu.Lock()
				answers[status]++
				mu.Unlock()
			}
		})
	}
	two := s.find("demo-web-2").ID
	scale := func(n int) func() error { return func() error { return s.scale(ctx, n) } }
	for _, do := range []func() error{
		func() error { return s.act(ctx, project.Stop, two) },
		func() error { return s.act(ctx, project.Start, two) },
		func() error { return s.act(ctx, project.Restart, two) },
		func() error { return s.act(ctx, project.Kill, two) },
		func() error { return s.act(ctx, project.Start, two) },
		scale(1), scale(5), scale(2),
	} {
		must(t, do())
		mu.Lock()
		before := answers[200]
		mu.Unlock()
		s.wait("more answers", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return answers[200] >= before+20 || len(answers) > 1
		})
	}
	cancel()
	clients.Wait()
	if len(answers) != 1 || answers[200] == 0 {
		t.Errorf("answers by status: %v", answers)
	}
}

func TestAStoppedReplicaGetsNoRequests(t *testing.T) {
	s := start(t, demo.Options{})
	must(t, s.act(t.Context(), project.Stop, s.find("demo-web-1").ID))
	for range 10 {
		s.get("mark")
	}
	upstream := regexp.MustCompile(`"uri":"/mark".*"upstream":"([^"]*)"`)
	counts := map[string]int{}
	for _, l := range s.lines(func(lines []logs.Line) bool {
		n := 0
		for _, l := range lines {
			if l.Service == "nginx" && bytes.Contains(l.Text, []byte("/mark")) {
				n++
			}
		}
		return n == 10
	}) {
		if m := upstream.FindSubmatch(l.Text); m != nil {
			counts[string(m[1])]++
		}
	}
	if !maps.Equal(counts, map[string]int{s.find("demo-web-2").Addresses["demo_default"].String() + ":5002": 10}) {
		t.Errorf("requests by upstream: %v", counts)
	}
	must(t, s.act(t.Context(), project.Kill, s.find("demo-web-2").ID))
	if status, body := s.get("count"); status != http.StatusBadGateway || !strings.Contains(body, "502 Bad Gateway") {
		t.Errorf("without replicas: %d %q", status, body)
	}
}

func TestOperationsAreTold(t *testing.T) {
	s := start(t, demo.Options{})
	web := s.find("demo-web-1").ID
	state := func(name, want string, code int) func() bool {
		return func() bool {
			for _, c := range s.last().Containers {
				if c.Name == name {
					return c.State == want && c.ExitCode == code
				}
			}
			return want == ""
		}
	}
	condition := func(want watch.Condition) func() bool { return func() bool { return s.last().Overall() == want } }
	act := func(act project.Act) func() error { return func() error { return s.act(t.Context(), act, web) } }
	scale := func(n int) func() error { return func() error { return s.scale(t.Context(), n) } }
	for _, step := range []struct {
		name  string
		do    func() error
		event string
		then  func() bool
	}{
		{"stop", act(project.Stop), "web-1 stopped", state("demo-web-1", "exited", 0)},
		{"degraded", func() error { return nil }, "web-1 stopped", condition(watch.Degraded)},
		{"start", act(project.Start), "web-1 started", state("demo-web-1", "running", 0)},
		{"restart", act(project.Restart), "web-1 started", state("demo-web-1", "running", 0)},
		{"kill", act(project.Kill), "web-1 died with exit code 137", state("demo-web-1", "exited", 137)},
		{"up", func() error { return s.up(t.Context()) }, "web-1 started", condition(watch.Up)},
		{"scale up", scale(3), "web-3 created", state("demo-web-3", "running", 0)},
		{"reload", func() error { return nil }, "nginx-1 reloaded", condition(watch.Up)},
		{"scale down", scale(1), "web-3 removed", state("demo-web-2", "", 0)},
		{"down", func() error { return s.down(t.Context()) }, "redis-1 removed", condition(watch.Down)},
		{"empty", func() error { return nil }, "nginx-1 removed", func() bool { return len(s.last().Containers) == 0 }},
		{"up again", func() error { return s.up(t.Context()) }, "nginx-1 created", condition(watch.Up)},
	} {
		must(t, step.do())
		s.wait(step.name+": "+step.event, s.told(step.event))
		s.wait(step.name+": its state", step.then)
	}
	if status, body := s.get("count"); status != 200 {
		t.Errorf("after down and up: %d %q", status, body)
	}
}

func TestUpKeepsTheReplicas(t *testing.T) {
	s := start(t, demo.Options{Replicas: 3})
	must(t, s.scale(t.Context(), 2))
	must(t, s.up(t.Context()))
	s.wait("what was scaled", func() bool { running, _ := s.last().Replicas("web"); return running == 2 })
	must(t, s.down(t.Context()))
	must(t, s.up(t.Context()))
	s.wait("what was described", func() bool { running, _ := s.last().Replicas("web"); return running == 3 })
}

func TestNothingIsDoneAfterTheEnd(t *testing.T) {
	s := start(t, demo.Options{})
	id := s.find("demo-web-1").ID
	s.Close()
	if err := s.act(t.Context(), project.Start, id); err == nil || !strings.HasSuffix(err.Error(), "the demonstration has ended") {
		t.Errorf("after Close: %v", err)
	}
	if status, _ := s.get(""); status != 0 {
		t.Errorf("after Close it answers %d", status)
	}
}

func TestProgressIsReported(t *testing.T) {
	s := start(t, demo.Options{})
	var mu sync.Mutex
	var told []string
	p := s.Project(func(e report.Event) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(e.Kind, " ", e.Verb, " ", e.Object))
	})
	_, err := p.Scale(t.Context(), project.UpOptions{Replicas: map[string]int{"web": 1}})
	must(t, err)
	for _, want := range []string{"done reload container demo-nginx-1", "started stop container demo-web-2", "done stop container demo-web-2", "done remove container demo-web-2"} {
		if !slices.Contains(told, want) {
			t.Errorf("%q is not in %q", want, told)
		}
	}
}

func TestTheEngineIsLost(t *testing.T) {
	s := start(t, demo.Options{})
	s.Disconnect(errors.New("connection refused"))
	s.wait("the loss", func() bool { return s.last().Err != nil })
	s.mu.Lock()
	st := s.last()
	s.mu.Unlock()
	if !strings.HasPrefix(st.Err.Error(), `watching project "demo": `) || !strings.HasSuffix(st.Err.Error(), "connection refused") || st.Overall() != watch.Unreachable || st.RetryAt.IsZero() || len(st.Containers) != 4 {
		t.Errorf("%+v", st)
	}
	if _, err := s.Dial(t.Context()); err == nil {
		t.Error("Redis can be reached without the engine")
	}
	if err := s.act(t.Context(), project.Stop, st.Containers[0].ID); err == nil {
		t.Error("something can be stopped without the engine")
	}
	if status, _ := s.get("count"); status != 200 {
		t.Errorf("the stack answers %d without the engine", status)
	}
	s.Reconnect()
	s.wait("the return", func() bool { return s.last().Err == nil })
	s.wait("its event", s.told("the engine answers again"))
}

func TestRedisIsAwayAndComesBack(t *testing.T) {
	s := start(t, demo.Options{Replicas: 1})
	client := store.Open(s.Dial)
	defer client.Close()
	s.get("count")
	redis := s.find("demo-redis-1").ID
	must(t, s.act(t.Context(), project.Kill, redis))
	if status, _ := s.get("count"); status != http.StatusServiceUnavailable {
		t.Errorf("without Redis: %d", status)
	}
	if _, _, err := client.Visits(t.Context()); err == nil {
		t.Error("a dead Redis answers")
	}
	must(t, s.act(t.Context(), project.Start, redis))
	if n, ok, err := client.Visits(t.Context()); n != 1 || !ok || err != nil {
		t.Errorf("after its return: %d %v %v", n, ok, err)
	}
	s.lines(func(lines []logs.Line) bool { return of(lines, "redis", "Ready to accept connections") != nil })
}

func TestTheProxyComesBackWhereItWas(t *testing.T) {
	s := start(t, demo.Options{Replicas: 1})
	url, nginx := s.URL(), s.find("demo-nginx-1").ID
	must(t, s.act(t.Context(), project.Stop, nginx))
	if status, text := s.get(""); status != 0 {
		t.Errorf("without it: %d %s", status, text)
	}
	must(t, s.act(t.Context(), project.Start, nginx))
	if status, _ := s.get(""); status != 200 || s.URL() != url {
		t.Errorf("%d at %s, before at %s", status, s.URL(), url)
	}
}

func TestDetails(t *testing.T) {
	s := start(t, demo.Options{})
	d, err := s.Details(t.Context(), s.find("demo-web-1").ID)
	if err != nil || d.Name != "demo-web-1" || d.Sections[0].Title != "container" || d.Sections[0].Rows[0].Name != "image" {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := s.Details(t.Context(), "nope"); err == nil {
		t.Error("details of nothing")
	}
}

func TestUsage(t *testing.T) {
	s := start(t, demo.Options{UsageEvery: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	var loading sync.WaitGroup
	loading.Go(func() { _ = s.Load(ctx, 500) })
	s.wait("usage", func() bool {
		st := s.last()
		for _, c := range st.Containers {
			if c.Usage == nil || c.Usage.Memory == 0 || c.Usage.CPU <= 0 || c.Service != "redis" && (c.Usage.RxRate <= 0 || c.Usage.TxRate <= 0) {
				return false
			}
		}
		return true
	})
	cancel()
	loading.Wait()
	for _, n := range []int{0, 1001} {
		if err := s.Load(t.Context(), n); err == nil {
			t.Errorf("a load of %d is taken", n)
		}
	}
}

func TestThePortIsTaken(t *testing.T) {
	s := start(t, demo.Options{})
	var port int
	_, err := fmt.Sscanf(s.URL(), "http://127.0.0.1:%d/", &port)
	must(t, err)
	if _, err := demo.Start(t.Context(), demo.Options{Port: port}); err == nil || !strings.Contains(err.Error(), "--port chooses another") {
		t.Errorf("got %v", err)
	}
	if _, err := demo.Start(t.Context(), demo.Options{Replicas: 17}); err == nil {
		t.Error("17 replicas are taken")
	}
}
