package watch

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/mask"
	"stackctl.dev/stackctl/internal/orchestrate/events"
	"stackctl.dev/stackctl/internal/orchestrate/label"
)

func TestReadSample(t *testing.T) {
	for file, want := range map[string]sample{
		"cgroup1.json": {cpu: 11988986586, memory: 14626816 - 3964928, limit: 201326592, rx: 15706 + 100, tx: 13847 + 10, pids: 5},
		"cgroup2.json": {cpu: 1510893000, memory: 9_400_000 - 1_400_000, limit: 134217728, rx: 876, tx: 0, pids: 7},
		"stopped.json": {},
	} {
		f, err := os.Open("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readSample(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		want.read = got.read
		if got != want {
			t.Errorf("%s: got %+v, want %+v", file, got, want)
		}
	}
	if _, err := readSample(strings.NewReader(`{"message":`)); err == nil {
		t.Error("broken JSON was taken")
	}
}

func TestUsageBetweenSamples(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	old := sample{read: at, cpu: 1e9, rx: 100, tx: 10}
	for name, c := range map[string]struct {
		now     sample
		cpu, rx float64
		none    bool
	}{
		"half a core":       {now: sample{read: at.Add(2 * time.Second), cpu: 2e9, rx: 300, tx: 10}, cpu: 50, rx: 100},
		"two cores":         {now: sample{read: at.Add(500 * time.Millisecond), cpu: 2e9, rx: 100, tx: 10}, cpu: 200},
		"idle":              {now: sample{read: at.Add(time.Second), cpu: 1e9, rx: 100, tx: 10}},
		"restarted":         {now: sample{read: at.Add(time.Second), cpu: 1e6, rx: 100, tx: 10}, none: true},
		"network restarted": {now: sample{read: at.Add(time.Second), cpu: 2e9, rx: 5, tx: 10}, none: true},
		"same moment":       {now: sample{read: at, cpu: 2e9, rx: 100, tx: 10}, none: true},
		"clock set back":    {now: sample{read: at.Add(-time.Hour), cpu: 2e9, rx: 100, tx: 10}, none: true},
	} {
		u := c.now.since(old)
		if (u == nil) != c.none {
			t.Errorf("%s: got %+v", name, u)
		}
		if u != nil && (math.Abs(u.CPU-c.cpu) > 1e-9 || math.Abs(u.RxRate-c.rx) > 1e-9) {
			t.Errorf("%s: got %+v", name, u)
		}
	}
	if (sample{read: at, cpu: 1}).since(sample{}) != nil {
		t.Error("the first sample alone made a usage")
	}
}

func TestTranslate(t *testing.T) {
	for _, c := range []struct {
		action, name, value string
		kind                EventKind
		text                string
	}{
		{"create", "", "", EventDeploy, "web-2 created"},
		{"start", "", "", EventStart, "web-2 started"},
		{"stop", "", "", EventStop, "web-2 stopped"},
		{"restart", "", "", EventRestart, "web-2 restarted"},
		{"die", "exitCode", "137", EventDie, "web-2 died with exit code 137"},
		{"die", "exitCode", "0", EventDie, "web-2 exited"},
		{"oom", "", "", EventOOM, "web-2 ran out of memory"},
		{"health_status: unhealthy", "", "", EventHealth, "web-2 is unhealthy"},
		{"kill", "signal", "1", EventReload, "web-2 reloaded"},
		{"kill", "signal", "15", "", ""},
		{"destroy", "", "", EventRemove, "web-2 removed"},
		{"pause", "", "", "", ""},
	} {
		action, detail, _ := strings.Cut(c.action, ": ")
		e, ok := translate(events.Event{
			Action: events.Action(action), Detail: detail, Name: "p-web-2", Service: "web", Number: 2, Attributes: map[string]string{c.name: c.value},
		})
		if e.Kind != c.kind || e.Text != c.text || ok != (c.kind != "") {
			t.Errorf("%s: got %+v, %v", c.action, e, ok)
		}
	}
}

func TestTellerSaysOneThingOnce(t *testing.T) {
	for _, c := range []struct{ name, kinds, want string }{
		{"docker stop", "die stop", "stop"},
		{"docker restart", "die stop start restart", "stop restart"},
		{"docker kill", "die", "die"},
		{"restart policy", "die start", "die start"},
		{"docker rm -f", "die remove", "remove"},
		{"up", "deploy start", "deploy start"},
	} {
		var told []string
		teller := newTeller(func(e Event) { told = append(told, string(e.Kind)) })
		for kind := range strings.FieldsSeq(c.kinds) {
			teller.tell("id", Event{Kind: EventKind(kind)}, time.Now())
		}
		teller.tellAll()
		if got := strings.Join(told, " "); got != c.want {
			t.Errorf("%s: told %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCondition(t *testing.T) {
	of := func(change func(*Container)) Container {
		var c Container
		c.State, c.Service = "running", "web"
		change(&c)
		return c
	}
	good := of(func(*Container) {})
	for name, c := range map[string]struct {
		containers []Container
		want       Condition
	}{
		"none":           {nil, Down},
		"all run":        {[]Container{good, good}, Up},
		"healthy":        {[]Container{of(func(c *Container) { c.Health = "healthy" })}, Up},
		"one exited":     {[]Container{good, of(func(c *Container) { c.State, c.ExitCode = "exited", 1 })}, Degraded},
		"stopped":        {[]Container{good, of(func(c *Container) { c.State = "exited" })}, Degraded},
		"work done":      {[]Container{good, of(func(c *Container) { c.State, c.oneTime, c.FinishedAt = "exited", true, time.Now() })}, Up},
		"unhealthy":      {[]Container{good, of(func(c *Container) { c.Health = "unhealthy" })}, Degraded},
		"restarting":     {[]Container{good, of(func(c *Container) { c.State = "restarting" })}, Degraded},
		"health starts":  {[]Container{good, of(func(c *Container) { c.Health = "starting" })}, Starting},
		"being made":     {[]Container{of(func(c *Container) { c.State = "created" })}, Starting},
		"cannot start":   {[]Container{good, of(func(c *Container) { c.State, c.failed = "created", true })}, Degraded},
		"all exited":     {[]Container{of(func(c *Container) { c.State = "exited" })}, Down},
		"sick and fresh": {[]Container{of(func(c *Container) { c.Health = "starting" }), of(func(c *Container) { c.Health = "unhealthy" })}, Degraded},
	} {
		s := State{Containers: c.containers}
		if got := s.Overall(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	running, total := State{Containers: []Container{good, of(func(c *Container) { c.State = "exited" }), {}}}.Replicas("web")
	if running != 1 || total != 2 {
		t.Errorf("replicas %d/%d", running, total)
	}
}

func TestURL(t *testing.T) {
	var c Container
	c.Labels = map[string]string{label.Ready: "5002/readyz"}
	c.Ports = []container.Port{{PrivatePort: 5002, Type: "udp", PublicPort: 1}, {IP: "0.0.0.0", PrivatePort: 5002, PublicPort: 8080, Type: "tcp"}}
	if got := (State{Containers: []Container{{}, c}}).URL(); got != "http://127.0.0.1:8080/" {
		t.Errorf("got %q", got)
	}
	c.Ports = []container.Port{{IP: "::1", PrivatePort: 5002, PublicPort: 8080, Type: "tcp"}}
	if got := (State{Containers: []Container{c}}).URL(); got != "http://[::1]:8080/" {
		t.Errorf("got %q", got)
	}
	c.Ports = nil
	if got := (State{Containers: []Container{c}}).URL(); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestDescribe(t *testing.T) {
	probe := &container.HealthcheckResult{Start: time.Now(), ExitCode: 1, Output: "a\nb\nc\nd\n"}
	d := describe(container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{
			ID: strings.Repeat("a", 64), Name: "/p-web-1", Image: "sha256:" + strings.Repeat("b", 64), Path: "web",
			State: &container.State{Status: "running", Running: true, StartedAt: "2026-01-02T03:04:05Z",
				Health: &container.Health{Status: "unhealthy", FailingStreak: 7, Log: slices.Repeat([]*container.HealthcheckResult{probe}, 8)}},
			HostConfig: &container.HostConfig{ReadonlyRootfs: true, Resources: container.Resources{Memory: 128 << 20, NanoCPUs: 1e9}},
		},
		Config: &container.Config{Image: "stackctl-web", Env: []string{"B=2", "A_TOKEN=x"}, Labels: map[string]string{label.Ready: "1/x", label.Fields: "{}", "foreign": "y"}},
		Mounts: []container.MountPoint{{Type: "volume", Name: "data", Destination: "/data", RW: true}},
	})
	var b strings.Builder
	for _, s := range d.Sections {
		b.WriteString("# " + s.Title + "\n")
		for _, r := range s.Rows {
			b.WriteString(r.Name + ": " + r.Value + "\n")
		}
	}
	text := b.String()
	for _, want := range []string{
		"id: aaaaaaaaaaaa\n", "image ID: bbbbbbbbbbbb\n", "failing streak: 7\n", "exit code 1: a\nb\nc\n…\n", "read-only root: yes\n", "memory limit: 128 MiB\n",
		"cpus: 1\n", "dev.stackctl.ready: 1/x\n", "/data: volume data -> /data, rw\n", "# environment\nA_TOKEN: " + mask.Hidden + "\nB: 2\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if d.Name != "p-web-1" || strings.Contains(text, "foreign") || strings.Contains(text, label.Fields) || strings.Count(text, "exit code 1: ") != shownProbes {
		t.Errorf("%s:\n%s", d.Name, text)
	}
	describe(container.InspectResponse{}) // an engine that leaves everything out
}
