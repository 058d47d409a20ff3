package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/volume"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/enginetest"
	"stackctl.dev/stackctl/internal/orchestrate/images"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/stack"
)

func load(t *testing.T, compose string) *stack.Stack {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "compose.yaml")
	if err := os.WriteFile(path, []byte("name: p\n"+compose), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := stack.Read(t.Context(), stack.Options{Files: []string{path}, WorkingDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s, err := read.Select(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// healthy is an engine on which nothing runs, but for the calls that are answered otherwise.
func healthy(t *testing.T, otherwise enginetest.API) enginetest.API {
	calls := enginetest.API{
		"GET /version":         enginetest.Document(map[string]string{"Version": "20.10.24", "Os": "linux", "Arch": "amd64"}),
		"GET /info":            enginetest.Document(map[string]string{"DockerRootDir": t.TempDir()}),
		"GET /containers/json": enginetest.Document([]container.Summary{}),
		"GET /networks":        enginetest.Text("[]"),
		"GET /volumes":         enginetest.Document(volume.ListResponse{}),
		"GET /images/json":     enginetest.Text("[]"),
		"GET /images/x/json":   enginetest.Document(image.InspectResponse{ID: "sha256:x", Size: 7e6}),
	}
	for call, answer := range otherwise {
		calls[call] = answer
	}
	return calls
}

// examine returns a line for each check, and the number of those that are broken.
func examine(ctx context.Context, s *stack.Stack, host string) (report string, broken int, err error) {
	broken, err = Run(ctx, Examination{Stack: s, Target: engine.Target{Host: host, Limit: 200 * time.Millisecond}}, func(c Check) { report += line(c) })
	return report, broken, err
}

func line(c Check) string {
	if (c.Verdict == OK) != (c.Next == "") {
		return fmt.Sprintf("%s is %s, and what to do is %q\n", c.Name, c.Verdict, c.Next)
	}
	return fmt.Sprintf("%s %s: %s; %s\n", c.Verdict, c.Name, c.Detail, c.Next)
}

// compare looks for what each check should say.
func compare(t *testing.T, report string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(report, text) {
			t.Errorf("want %q in\n%s", text, report)
		}
	}
}

// A failure of the engine is reported with what to do, and everything else is checked nevertheless.
func TestEnginesThatFail(t *testing.T) {
	fails := enginetest.Says(http.StatusInternalServerError, "database is locked")
	for name, tt := range map[string]struct {
		calls  enginetest.API
		want   []string
		broken int
	}{
		"well":              {nil, []string{"ok engine: version 20.10.24, API 1.41, linux/amd64", "ok image of a: x (registry, 7MB)", "free for the engine", "note stack: it is not up; start it"}, 0},
		"old":               {enginetest.API{"HEAD /_ping": enginetest.Pings("1.24")}, []string{"its API version is 1.24, stackctl needs 1.41", "; upgrade the engine"}, 1},
		"no version":        {enginetest.API{"GET /version": fails}, []string{"broken engine: Error response from daemon: database is locked; look at", "ok image of a"}, 1},
		"odd version":       {enginetest.API{"GET /version": enginetest.Text("{}")}, []string{`broken engine: the answer to "GET /version" is odd: parts of it are missing; check the proxies between`}, 1},
		"no containers":     {enginetest.API{"GET /containers/json": fails}, []string{"broken containers: listing containers: Error response from daemon: database is locked; look at", "ok image of a", "ok disk"}, 1},
		"odd containers":    {enginetest.API{"GET /containers/json": enginetest.Text("<html>")}, []string{`broken containers: the answer to "GET /containers/json" is odd: it is no JSON document`, "ok disk"}, 1},
		"containers hang":   {enginetest.API{"GET /containers/json": enginetest.Hang}, []string{"broken containers: ", "no answer from the engine within 200ms", "ok disk"}, 1},
		"no networks":       {enginetest.API{"GET /networks": enginetest.HangUp}, []string{"broken containers: listing networks", "EOF"}, 1},
		"volumes cut short": {enginetest.API{"GET /volumes": enginetest.Text(`{"Volumes":[`)}, []string{`broken containers: the answer to "GET /volumes" is odd`}, 1},
		"no image":          {enginetest.API{"GET /images/x/json": fails}, []string{`broken images: inspecting image "x": Error response from daemon: database is locked; look at`, "note stack"}, 1},
		"images hang":       {enginetest.API{"GET /images/x/json": enginetest.Hang}, []string{"broken images: ", "no answer from the engine within 200ms", "note stack"}, 1},
		"no info":           {enginetest.API{"GET /info": fails}, []string{"broken disk: Error response from daemon: database is locked; look at", "note stack"}, 1},
		"no folder":         {enginetest.API{"GET /info": enginetest.Text("{}")}, []string{"ok disk: not checked"}, 0},
		"all at once":       {enginetest.API{"GET /version": fails, "GET /info": fails, "GET /volumes": fails, "GET /images/x/json": fails}, []string{"broken engine", "broken images", "broken containers", "broken disk"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			report, broken, err := examine(t.Context(), load(t, "services: {a: {image: x}}"), enginetest.Serve(t, healthy(t, tt.calls)))
			if broken != tt.broken || err != nil {
				t.Errorf("%d are broken, want %d; %v", broken, tt.broken, err)
			}
			compare(t, report, tt.want...)
		})
	}
	report, broken, err := examine(t.Context(), load(t, "services: {a: {image: x}}"), "unix://"+filepath.Join(t.TempDir(), "none"))
	if broken != 1 || err != nil {
		t.Errorf("%d are broken; %v", broken, err)
	}
	compare(t, report, "none: no engine answers there; start it")
	if report, _, _ = examine(t.Context(), load(t, "services: {a: {image: x}}"), "nonsense"); !strings.Contains(report, "broken engine: nonsense") {
		t.Error(report)
	}
}

// Whoever interrupts it is not told that all is broken.
func TestAnInterruptIsNoFault(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	report, broken, err := examine(ctx, load(t, "services: {a: {image: x}}"), enginetest.Serve(t, healthy(t, enginetest.API{"GET /version": func(w http.ResponseWriter, r *http.Request) {
		cancel()
		enginetest.Hang(w, r)
	}})))
	if report != "" || broken != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %d, %v", report, broken, err)
	}
}

// A check that is given up says for how long it was waited.
func TestACheckIsLimited(t *testing.T) {
	checks := limited(t.Context(), 20*time.Millisecond, func(ctx context.Context) []Check {
		<-ctx.Done()
		return []Check{{Name: "a", Verdict: Broken, Detail: ctx.Err().Error()}, {Name: "b", Verdict: OK, Detail: "fine"}}
	})
	if checks[0].Detail != "no answer within 20ms: context deadline exceeded" || checks[1].Detail != "fine" {
		t.Errorf("%+v", checks)
	}
}

// An image that is missing is no fault: it is said how it will be got.
func TestMissingImages(t *testing.T) {
	for service, want := range map[string]string{
		"{image: y}": "note image of a: y is not present, and cannot be made here: it has no x-stackctl.host; `stackctl up` pulls it; without a registry",
		"{build: .}": "note image of a: p-a is not built yet; `stackctl up` builds it",
		"{image: y, x-stackctl: {host: {programs: [no-such-program]}}}": "cannot be made here: finding \"no-such-program\" on this host",
	} {
		eng, err := engine.Connect(t.Context(), engine.Target{Host: enginetest.Serve(t, healthy(t, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer eng.Close()
		report := ""
		for _, c := range checkImages(t.Context(), eng, Examination{Stack: load(t, "services: {a: "+service+"}"), Images: images.Options{}}) {
			report += line(c)
		}
		compare(t, report, want)
	}
}

// A container that should run and doesn't is broken; one that is done, or that is nobody's replica, is not.
func TestContainersThatDoNotRun(t *testing.T) {
	s := load(t, "services: {a: {image: x, restart: always}, job: {image: x}, none: {image: x, scale: 0}, gone: {image: x}}")
	observed := &observe.Observed{Project: "p", Containers: []observe.Container{
		{Name: "p-a-1", Service: "a", State: "running", Status: "Up"},
		{Name: "p-a-2", Service: "a", State: "running", Health: "unhealthy", Status: "Up (unhealthy)"},
		{Name: "p-a-3", Service: "a", State: "exited", Status: "Exited (0) now"},
		{Name: "p-a-4", Service: "a", State: "paused", Status: "Up (Paused)"},
		{Name: "p-job-1", Service: "job", State: "exited", Status: "Exited (0) now"},
		{Name: "p-job-2", Service: "job", State: "exited", Status: "Exited (3) now"},
		{Name: "p-job-run-1", Service: "job", OneOff: true, State: "exited", Status: "Exited (1) now"},
		{Name: "p-tunnel", Service: "tunnel", OneOff: true, State: "created", Status: "Created"},
		{Name: "p-old-1", Service: "old", State: "exited", Status: "Exited (1) now"},
	}}
	report := ""
	for _, c := range checkContainers(observed, s) {
		report += line(c)
	}
	want := "ok container p-a-1: Up; \n" +
		"broken container p-a-2: Up (unhealthy); `stackctl logs a` says why; `stackctl up` starts it\n" +
		"broken container p-a-3: Exited (0) now; `stackctl logs a` says why; `stackctl up` starts it\n" +
		"broken container p-a-4: Up (Paused); `stackctl logs a` says why; `stackctl up` starts it\n" +
		"ok container p-job-1: Exited (0) now; \n" +
		"broken container p-job-2: Exited (3) now; `stackctl logs job` says why; `stackctl up` starts it\n" +
		"ok container p-job-run-1: Exited (1) now; \n" +
		"ok container p-tunnel: Created; \n" +
		"note container p-old-1: Exited (1) now; its service is not in the Compose file; `stackctl up --remove-orphans` removes it\n" +
		"note service gone: it has no container; `stackctl up` creates one\n"
	if report != want {
		t.Errorf("got\n%swant\n%s", report, want)
	}
}
