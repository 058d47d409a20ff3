package images

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	dockertypes "github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"stackctl.dev/stackctl/internal/stack"
)

// hub is an engine that has some images, and gets every other one that it is asked for.
type hub struct {
	mu      sync.Mutex
	present map[string]time.Time // when it was last tagged
	calls   []string
	context map[string]string // the files of the last build context
	// hostMade is an image from the host's programs.
	hostMade string
}

func (r *hub) did(call, ref string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call+" "+ref)
	r.present[ref] = time.Now()
}

func (r *hub) ImageInspect(_ context.Context, ref string, _ ...client.ImageInspectOption) (image.InspectResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tagged, ok := r.present[ref]
	if !ok {
		return image.InspectResponse{}, errdefs.ErrNotFound
	}
	config := &dockerspec.DockerOCIImageConfig{}
	config.Env = []string{"OF=" + ref}
	return image.InspectResponse{ID: "sha256:" + ref, Metadata: image.Metadata{LastTagTime: tagged}, Config: config}, nil
}

func (r *hub) ImageList(context.Context, image.ListOptions) ([]image.Summary, error) {
	if r.hostMade == "" {
		return nil, nil
	}
	return []image.Summary{{ID: r.hostMade, RepoTags: []string{r.hostMade}}}, nil
}

func (r *hub) ImagePull(_ context.Context, ref string, _ image.PullOptions) (io.ReadCloser, error) {
	if strings.HasPrefix(ref, "local/") {
		return nil, errors.New("no such repository")
	}
	r.did("pull", ref)
	return io.NopCloser(strings.NewReader("")), nil
}

func (r *hub) ImageBuild(_ context.Context, content io.Reader, options build.ImageBuildOptions) (build.ImageBuildResponse, error) {
	files := map[string]string{}
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return build.ImageBuildResponse{}, err
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return build.ImageBuildResponse{}, err
		}
		files[header.Name] = string(text)
	}
	files["the Dockerfile"] = files[options.Dockerfile]
	r.context = files
	r.did("build", options.Tags[0])
	return build.ImageBuildResponse{Body: io.NopCloser(strings.NewReader(""))}, nil
}

func (*hub) ImageRemove(context.Context, string, image.RemoveOptions) ([]image.DeleteResponse, error) {
	return nil, nil
}

func (*hub) ServerVersion(context.Context) (dockertypes.Version, error) {
	return dockertypes.Version{}, nil
}

// load resolves a Compose file, with other files beside it.
func load(t *testing.T, compose string, files map[string]string) *stack.Stack {
	t.Helper()
	dir := t.TempDir()
	files = maps.Clone(files)
	if files == nil {
		files = map[string]string{"Dockerfile": "FROM scratch\n"}
	}
	files["project/compose.yaml"] = "name: p\n" + compose
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read, err := stack.Read(t.Context(), stack.Options{Files: []string{filepath.Join(dir, "project", "compose.yaml")}, WorkingDir: filepath.Join(dir, "project")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := read.Select(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every pull policy does what the Compose specification says, for any kind of service.
func TestPullPolicies(t *testing.T) {
	hour := time.Hour
	tests := []struct {
		name, services string
		present        map[string]time.Duration // how long ago it was tagged
		pull           string
		want           []string
		err            string
	}{
		{name: "missing", services: "a: {image: x}", want: []string{"pull x"}},
		{name: "present", services: "a: {image: x}", present: map[string]time.Duration{"x": hour}},
		{name: "always", services: "a: {image: x, pull_policy: always}", present: map[string]time.Duration{"x": hour}, want: []string{"pull x"}},
		{name: "never", services: "a: {image: x, pull_policy: never}", err: "it is not present and the pull policy is never"},
		{name: "daily, pulled today", services: "a: {image: x, pull_policy: daily}", present: map[string]time.Duration{"x": 23 * hour}},
		{name: "daily, pulled yesterday", services: "a: {image: x, pull_policy: daily}", present: map[string]time.Duration{"x": 25 * hour}, want: []string{"pull x"}},
		{name: "weekly, pulled this week", services: "a: {image: x, pull_policy: weekly}", present: map[string]time.Duration{"x": 6 * 24 * hour}},
		{name: "weekly, pulled last week", services: "a: {image: x, pull_policy: weekly}", present: map[string]time.Duration{"x": 8 * 24 * hour}, want: []string{"pull x"}},
		{name: "every two hours, not yet", services: "a: {image: x, pull_policy: every_2h}", present: map[string]time.Duration{"x": hour}},
		{name: "every two hours, due", services: "a: {image: x, pull_policy: every_2h}", present: map[string]time.Duration{"x": 3 * hour}, want: []string{"pull x"}},
		{name: "refresh", services: "a: {image: x, pull_policy: refresh}", present: map[string]time.Duration{"x": 0}, want: []string{"pull x"}},
		{name: "build", services: "a: {build: .., image: x, pull_policy: build}", present: map[string]time.Duration{"x": hour}, want: []string{"build x"}},
		{name: "built, and present", services: "a: {build: .., image: x}", present: map[string]time.Duration{"x": hour}},
		{name: "shared: never waits for who may pull", services: "a: {image: x, pull_policy: never}\n b: {image: x}", want: []string{"pull x"}},
		{name: "shared: one builds what another one names", services: "a: {image: local/x}\n b: {build: .., image: local/x}", want: []string{"build local/x"}},
		{name: "shared: by the name that a build implies", services: "a: {image: p-b}\n b: {build: ..}", want: []string{"build p-b"}},
		{name: "the flag always wins", services: "a: {image: x, pull_policy: never}", present: map[string]time.Duration{"x": 0}, pull: "always", want: []string{"pull x"}},
		{name: "the flag never wins", services: "a: {image: x, pull_policy: always}", present: map[string]time.Duration{"x": 0}, pull: "never"},
		{name: "the verb pulls what has no policy", services: "a: {image: x:1}", present: map[string]time.Duration{"x:1": 0}, pull: PullAsked, want: []string{"pull x:1"}},
		{name: "the verb pulls before its time", services: "a: {image: x:1, pull_policy: daily}", present: map[string]time.Duration{"x:1": 0}, pull: PullAsked, want: []string{"pull x:1"}},
		{name: "the verb leaves what is never pulled", services: "a: {image: x:1, pull_policy: never}", pull: PullAsked},
		{name: "the verb leaves a fixed tag that is present", services: "a: {image: x:1, pull_policy: missing}", present: map[string]time.Duration{"x:1": 0}, pull: PullAsked},
		{name: "the verb pulls latest", services: "a: {image: x, pull_policy: missing}", present: map[string]time.Duration{"x": 0}, pull: PullAsked, want: []string{"pull x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			engine := &hub{present: map[string]time.Time{}}
			for ref, ago := range tt.present {
				engine.present[ref] = time.Now().Add(-ago)
			}
			_, err := Ensure(t.Context(), engine, load(t, "services:\n "+tt.services, nil), Options{Pull: tt.pull}, nil)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
			if !slices.Equal(engine.calls, tt.want) {
				t.Errorf("got %q, want %q", engine.calls, tt.want)
			}
		})
	}
}

// A Dockerfile may be in its context, beside it or in the Compose file, as for docker compose.
func TestWhereADockerfileIs(t *testing.T) {
	files := map[string]string{"app/hello": "hi", "app/.dockerignore": "secret", "app/secret": "x", "docker/web": "FROM web\n", "app/Dockerfile": "FROM app\n"}
	for build, want := range map[string]string{
		"{context: ../app}":                                             "FROM app\n",
		"{context: ../app, dockerfile: ../docker/web}":                  "FROM web\n",
		"{context: ../app, dockerfile_inline: \"FROM inline\\n\"}":      "FROM inline\n",
		"{context: ../app, dockerfile: ../app/Dockerfile}":              "FROM app\n",
		"{context: ../docker, dockerfile: ../docker/../app/Dockerfile}": "FROM app\n",
	} {
		engine := &hub{present: map[string]time.Time{}}
		if _, err := Ensure(t.Context(), engine, load(t, "services: {a: {build: "+build+"}}", files), Options{}, nil); err != nil {
			t.Errorf("%s: %v", build, err)
			continue
		}
		if got := engine.context["the Dockerfile"]; got != want {
			t.Errorf("%s: the Dockerfile is %q, want %q", build, got, want)
		}
		if _, ok := engine.context["secret"]; ok {
			t.Errorf("%s: .dockerignore was not obeyed", build)
		}
		if strings.Contains(build, "context: ../docker") && !strings.HasPrefix(engine.context[".dockerignore"], ".dockerignore\n") {
			t.Errorf("%s: COPY sees a .dockerignore that the user has not written", build)
		}
		for name := range engine.context {
			if strings.HasPrefix(name, ".dockerfile.") && !strings.Contains(engine.context[".dockerignore"], name) {
				t.Errorf("%s: COPY sees %s", build, name)
			}
		}
	}
	_, err := Ensure(t.Context(), &hub{present: map[string]time.Time{}}, load(t, "services: {a: {build: {context: ../app, dockerfile: ../none}}}", files), Options{}, nil)
	if err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("a Dockerfile that is missing: got %v", err)
	}
}
