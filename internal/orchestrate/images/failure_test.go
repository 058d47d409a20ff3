package images

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
	"stackctl.dev/stackctl/internal/orchestrate/enginetest"
	"stackctl.dev/stackctl/internal/orchestrate/report"
)

// connect connects to an engine with the given responses, without the user's configuration.
func connect(t *testing.T, answer http.Handler) *engine.Engine {
	t.Helper()
	configure(t)
	t.Setenv("DOCKER_BUILDKIT", "")
	eng, err := engine.Connect(t.Context(), engine.Target{Host: enginetest.Serve(t, answer)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = eng.Close() })
	return eng
}

const (
	inspectX, listImages, pullImage, buildImage = "GET /images/x/json", "GET /images/json", "POST /images/create", "POST /build"
	loadImages, version                         = "POST /images/load", "GET /version"
)

var (
	none    = enginetest.Document([]image.Summary{})
	present = enginetest.Document(image.InspectResponse{ID: "sha256:x"})
	ends    = enginetest.Text("")
)

// breaksOff begins an answer and closes the connection.
func breaksOff(begin string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, begin)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// ensureAll gets the images of a stack, and sees that each event that something begins has one that it ended.
func ensureAll(t *testing.T, calls enginetest.API, services string, files map[string]string, o Options, into ...*[]Resolution) (warnings []string, err error) {
	t.Helper()
	var mu sync.Mutex
	under := 0
	found, err := Ensure(t.Context(), connect(t, calls), load(t, "services:\n "+services, files), o, func(e report.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e.Kind {
		case report.Started:
			under++
		case report.Done, report.Failed, report.Skipped:
			under--
		case report.Warning:
			warnings = append(warnings, e.Detail)
		}
	})
	for _, target := range into {
		*target = found
	}
	if under != 0 {
		t.Errorf("%d events say that something begins, and none that it ended", under)
	}
	return warnings, err
}

// An optional service is left out where its image cannot be had, with a warning; and without a question where it is known.
func TestOptionalImages(t *testing.T) {
	for name, tt := range map[string]struct {
		options Options
		pull    http.HandlerFunc
		want    string
	}{
		"no registry":     {Options{}, enginetest.Says(http.StatusInternalServerError, "no such host"), `going on without service "a", because its image cannot be had`},
		"this host alone": {Options{Source: "host"}, nil, "it has no x-stackctl.host"},
		"it is known":     {Options{Present: true}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			calls := enginetest.API{listImages: none}
			if tt.pull != nil {
				calls[pullImage] = tt.pull
			}
			var found []Resolution
			warnings, err := ensureAll(t, calls, "a: {image: x, x-stackctl: {optional: true}}", nil, tt.options, &found)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(warnings, "\n"); !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("got warnings %q, want %q", got, tt.want)
			}
			if got := Absent(found); len(got) != 1 || len(ByService(found)) != 0 {
				t.Errorf("got %v absent of %v", got, found)
			}
		})
	}
	calls := enginetest.API{inspectX: present}
	var found []Resolution
	if _, err := ensureAll(t, calls, "a: {image: x, x-stackctl: {optional: true}}", nil, Options{Present: true}, &found); err != nil || len(Absent(found)) != 0 {
		t.Errorf("an image that is present: got %v, %v", found, err)
	}
	// A service that needs the same image is not left out.
	calls = enginetest.API{listImages: none, pullImage: enginetest.Says(http.StatusInternalServerError, "no such host")}
	if _, err := ensureAll(t, calls, "a: {image: x, x-stackctl: {optional: true}}\n b: {image: x}", nil, Options{}); err == nil || !strings.Contains(err.Error(), `service "b"`) {
		t.Errorf("a service that is not optional: got %v", err)
	}
}

// An image that cannot be pulled is named with its service, the engine's own words, and what to do.
func TestPullsThatFail(t *testing.T) {
	const next = `; check the name and the network, load it with`
	for name, tt := range map[string]struct {
		calls    enginetest.API
		services string
		options  Options
		want     []string
	}{
		"refused":          {calls: enginetest.API{pullImage: enginetest.Says(http.StatusNotFound, "pull access denied for x")}, want: []string{`getting image "x" for service "a"`, "pull access denied for x", next}},
		"refused later":    {calls: enginetest.API{pullImage: enginetest.Text(`{"status":"Pulling"}{"errorDetail":{"message":"toomanyrequests: slow down"},"error":"x"}`)}, want: []string{"toomanyrequests: slow down", next}},
		"no JSON":          {calls: enginetest.API{pullImage: enginetest.Text("<html>")}, want: []string{"reading the engine's progress: invalid character '<'", next}},
		"broken off":       {calls: enginetest.API{pullImage: breaksOff(`{"status":`)}, want: []string{"unexpected EOF; try again, and see `stackctl doctor`", next}},
		"no end":           {calls: enginetest.API{pullImage: enginetest.Text(`{"status":"` + strings.Repeat("x", maxMessage))}, want: []string{"a message is larger than 16 MiB", next}},
		"hung up":          {calls: enginetest.API{pullImage: enginetest.HangUp}, want: []string{"EOF", next}},
		"not there then":   {calls: enginetest.API{pullImage: ends}, want: []string{`inspecting image "x" after it was pulled`, next}},
		"no images known":  {calls: enginetest.API{inspectX: enginetest.Says(http.StatusInternalServerError, "layer does not exist")}, want: []string{`inspecting image "x": Error response from daemon: layer does not exist`}},
		"no list of them":  {calls: enginetest.API{listImages: enginetest.Says(http.StatusInternalServerError, "database is locked")}, want: []string{"listing images: Error response from daemon: database is locked"}},
		"odd list of them": {calls: enginetest.API{listImages: enginetest.Text("null")}, want: []string{"reading the engine's answer", "see `stackctl doctor`"}},
		"a name that is none": {
			calls:    enginetest.API{"GET /images/X Y/json": enginetest.Says(http.StatusBadRequest, "invalid reference format")},
			services: `a: {image: "X Y"}`, want: []string{`inspecting image "X Y"`, "invalid reference format"},
		},
		"no programs either": {
			calls:    enginetest.API{pullImage: enginetest.Says(http.StatusInternalServerError, "dial tcp: lookup registry: no such host")},
			services: "a: {image: x, x-stackctl: {host: {programs: [no-such-program]}}}", want: []string{"no such host", `finding "no-such-program" on this host`, next},
		},
		"a registry alone": {
			calls: enginetest.API{pullImage: enginetest.Says(http.StatusInternalServerError, "no such host")}, options: Options{Source: "registry"},
			services: "a: {image: x, x-stackctl: {host: {programs: [no-such-program]}}}", want: []string{"no such host", next},
		},
		"this host alone": {options: Options{Source: "host"}, want: []string{`making an image for service "a" from this host's programs: it has no x-stackctl.host`}},
	} {
		t.Run(name, func(t *testing.T) {
			calls := enginetest.API{listImages: none}
			for call, answer := range tt.calls {
				calls[call] = answer
			}
			if tt.services == "" {
				tt.services = "a: {image: x}"
			}
			_, err := ensureAll(t, calls, tt.services, nil, tt.options)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %.1000v, want %q", err, want)
				}
			}
		})
	}
}

// A stack whose image is here comes up though its registry is away, and says so.
func TestAPresentImageServesWhileItsRegistryIsAway(t *testing.T) {
	warnings, err := ensureAll(t, enginetest.API{inspectX: present, pullImage: enginetest.Says(http.StatusInternalServerError, "no such host")}, "a: {image: x, pull_policy: always}", nil, Options{})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "using the image that is present, because pulling failed") {
		t.Errorf("%q, %v", warnings, err)
	}
}

// All failures are reported together, not just the first one.
func TestEachImageThatFailsIsTold(t *testing.T) {
	_, err := ensureAll(t, enginetest.API{listImages: none, pullImage: enginetest.Says(http.StatusNotFound, "no")}, "a: {image: x}\n b: {image: y}\n c: {image: x}", nil, Options{})
	if err == nil || strings.Count(err.Error(), `getting image "x"`) != 1 || strings.Count(err.Error(), `getting image "y"`) != 1 {
		t.Errorf("%v", err)
	}
}

// A build that fails is named with the engine's words, and with the last that was printed.
func TestBuildsThatFail(t *testing.T) {
	files := map[string]string{"project/app/Dockerfile": "FROM scratch\n"}
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		build  string
		files  map[string]string
		want   []string
	}{
		"refused":             {answer: enginetest.Says(http.StatusBadRequest, "unknown instruction: FORM"), want: []string{`building image "p-a": Error response from daemon: unknown instruction: FORM`}},
		"a step fails":        {answer: enginetest.Text(`{"stream":"Step 1/1 : RUN make"}{"stream":"make: no rule\n"}{"errorDetail":{"message":"returned a non-zero code: 2"}}`), want: []string{`building image "p-a"`, "returned a non-zero code: 2\nStep 1/1 : RUN make\nmake: no rule"}},
		"steps of no sense":   {answer: enginetest.Text(`{"id":"moby.buildkit.trace","aux":"CgAK"}`), want: []string{`building image "p-a"`, "reading BuildKit's progress"}},
		"no message":          {answer: enginetest.Text(`[]`), want: []string{"reading the engine's progress: json: cannot unmarshal array"}},
		"broken off":          {answer: breaksOff(`{"stream":"Step 1`), want: []string{"unexpected EOF; try again"}},
		"not there then":      {answer: ends, want: []string{`inspecting image "p-a": Error response from daemon`}},
		"no folder":           {build: "{context: ./none, dockerfile_inline: FROM scratch}", want: []string{"reading build context", "no such file"}},
		"a folder that isn't": {build: "{context: ./app/Dockerfile, dockerfile_inline: FROM scratch}", want: []string{"reading .dockerignore", "not a directory"}},
		"no Dockerfile":       {build: "{context: ./app, dockerfile: other}", want: []string{`building image "p-a"`, "other"}},
		"patterns of no sense": {
			files: map[string]string{"project/app/Dockerfile": "FROM scratch\n", "project/app/.dockerignore": "[\n"}, want: []string{"reading build context", "syntax error in pattern"},
		},
		"patterns in a folder": {files: map[string]string{"project/app/Dockerfile": "FROM scratch\n", "project/app/.dockerignore/x": ""}, want: []string{"reading .dockerignore", "it is not a regular file"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.build == "" {
				tt.build = "./app"
			}
			if tt.files == nil {
				tt.files = files
			}
			_, err := ensureAll(t, enginetest.API{buildImage: tt.answer}, "a: {build: "+tt.build+"}", tt.files, Options{})
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

// The web image needs a stackctl that the engine can run; where there is none, the error says where to put one.
func TestOwnImagesThatFail(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	platform := enginetest.Document(map[string]string{"Version": "1", "Os": "plan9", "Arch": "mips"})
	for name, tt := range map[string]struct {
		calls  enginetest.API
		binary string
		files  map[string]string
		want   []string
	}{
		"no binary":        {binary: filepath.Join(dir, "none"), want: []string{"reading stackctl's own binary"}},
		"no Linux program": {binary: script, calls: enginetest.API{version: platform}, want: []string{"as a Linux program"}},
		"another platform": {calls: enginetest.API{version: platform}, want: []string{"for the engine's platform plan9/mips", "stackctl-plan9-mips there, or run from the source with Go installed"}},
		"no platform":      {calls: enginetest.API{version: enginetest.Document(map[string]string{"Version": "1"})}, want: []string{"reading the engine's architecture", "parts of it are missing"}},
		"a build that is refused": {
			calls: enginetest.API{version: enginetest.Document(map[string]string{"Version": "1", "Os": runtime.GOOS, "Arch": runtime.GOARCH}), buildImage: enginetest.Says(http.StatusInternalServerError, "no space left on device")},
			want:  []string{`building image "x:`, "no space left on device"}, files: map[string]string{"project/Dockerfile": "FROM scratch\n"},
		},
		"no Dockerfile": {
			calls: enginetest.API{version: enginetest.Document(map[string]string{"Version": "1", "Os": runtime.GOOS, "Arch": runtime.GOARCH})},
			want:  []string{"reading the Dockerfile"},
		},
		"no version at all": {calls: enginetest.API{version: enginetest.Says(http.StatusInternalServerError, "shutting down")}, want: []string{"reading the engine's architecture: Error response from daemon: shutting down"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", dir) // without Go
			_, err := ensureAll(t, tt.calls, "a: {image: x, build: {context: .}, x-stackctl: {build: self}}", tt.files, Options{Binary: tt.binary})
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

// Of the older builds of an image those names go that stackctl gave, and no other.
func TestPruningLeavesTheUsersNames(t *testing.T) {
	var list []image.Summary
	for i, tag := range []string{"8", "7", "6", "5", "4", "3", "2"} {
		list = append(list, image.Summary{ID: tag, Created: int64(100 - i), RepoTags: []string{"w:" + tag}})
	}
	list = append(list, image.Summary{ID: "1", RepoTags: []string{"w:1"}}) // just built, out of the cache
	list[6].RepoTags = []string{"mine/kept:1", "w:2", "w.example.com/w:2"}
	var removed []string
	prune(t.Context(), connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			removed = append(removed, enginetest.CallOf(r))
			enginetest.Says(http.StatusConflict, "image is being used")(w, r)
			return
		}
		enginetest.API{listImages: enginetest.Document(list)}.ServeHTTP(w, r)
	})), "w:1")
	if want := []string{"DELETE /images/w:3", "DELETE /images/w:2"}; !slices.Equal(removed, want) {
		t.Errorf("got %q, want %q", removed, want)
	}
	prune(t.Context(), connect(t, enginetest.API{listImages: enginetest.Says(http.StatusInternalServerError, "x")}), "w:1") // it is not what was asked for
}

// A load that fails or stops is an error in the engine's words; what was loaded by then was told.
func TestLoads(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		lines  []string
		want   string // the error's words, "" for none
	}{
		"good":          {enginetest.Text(`{"status":"Loading layer","id":"x","progressDetail":{"current":1,"total":2}}{"stream":"\n"}{"stream":"Loaded image: a\n"}`), []string{"Loaded image: a"}, ""},
		"refused":       {enginetest.Says(http.StatusInternalServerError, "no space left on device"), nil, "Error response from daemon: no space left on device"},
		"refused later": {enginetest.Text(`{"stream":"Loaded image: a\n"}{"errorDetail":{"message":"invalid tar header"}}`), []string{"Loaded image: a"}, "invalid tar header"},
		"no JSON":       {enginetest.Text("<html>"), nil, "reading the engine's progress"},
		"broken off":    {breaksOff(`{"stream":"Loaded image: a\n"}{`), []string{"Loaded image: a"}, "unexpected EOF; try again"},
		"stops":         {stalls(`{"stream":"Loaded image: a\n"}`), []string{"Loaded image: a"}, "no progress for 100ms"},
		"no answer":     {enginetest.Hang, nil, "no progress for 100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			work := newWork(nil, "load images", Resolution{})
			work.stall, work.printLine = 100*time.Millisecond, func(line string) { lines = append(lines, line) }
			err := work.load(t.Context(), connect(t, enginetest.API{loadImages: tt.answer}), strings.NewReader("an archive"))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) || !slices.Equal(lines, tt.lines) {
				t.Errorf("got %q, %v, want %q, %q", lines, err, tt.lines, tt.want)
			}
		})
	}
	err := Load(t.Context(), connect(t, enginetest.API{loadImages: ends}), io.MultiReader(strings.NewReader("half"), failing{}), func(string) {})
	if err == nil || !strings.Contains(err.Error(), errDisk.Error()) {
		t.Errorf("an archive that cannot be read: %v", err)
	}
}

// stalls begins an answer and does not go on.
func stalls(begin string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, begin)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

var errDisk = errors.New("input/output error")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errDisk }

// What ends with its caller is no failure of the engine's.
func TestGettingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	eng := connect(t, enginetest.API{listImages: none, pullImage: func(w http.ResponseWriter, r *http.Request) {
		cancel()
		enginetest.Hang(w, r)
	}})
	if found, err := Ensure(ctx, eng, load(t, "services: {a: {image: x}}", nil), Options{}, nil); !errors.Is(err, context.Canceled) || found != nil {
		t.Errorf("%v, %v", found, err)
	}
}

// What the file says of an image from the host's programs is checked, and the error shows how to write it.
func TestHostImagesThatAreNotDescribed(t *testing.T) {
	for host, want := range map[string]string{
		"{path: /data, owner: root, mode: \"0755\"}":    `reading owner "root" of directory "/data": write uid:gid`,
		"{path: /data, owner: \"0\", mode: \"0755\"}":   `reading owner "0" of directory "/data": write uid:gid`,
		"{path: /data, owner: \"0:0\", mode: rwx}":      `reading mode "rwx" of directory "/data": write it in octal`,
		"{path: /data, owner: \"0:0\", mode: \"9999\"}": `reading mode "9999" of directory "/data": write it in octal`,
	} {
		s := load(t, "services: {a: {image: x, x-stackctl: {host: {programs: [x], directories: ["+host+"]}}}}", nil)
		if err := HostPrograms(s.Project.Services["a"], Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if err := HostPrograms(load(t, "services: {a: {image: x}}", nil).Project.Services["a"], Options{}); err == nil || !strings.Contains(err.Error(), "x-stackctl.host") {
		t.Errorf("%v", err)
	}
}
