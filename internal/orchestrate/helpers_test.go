package orchestrate_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	dockercontainer "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/label"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/steps"
	"stackctl.dev/stackctl/internal/stack"
)

func TestMain(m *testing.M) {
	// What fails is printed with its seed; no files beside the sources.
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// notice is Options.Notice, for connections that nobody has.
const notice = 10 * time.Millisecond

const (
	conf        = "/etc/nginx/live/nginx.conf"
	projectName = "stackctl"
)

// embedded loads the embedded stack, with override files (in Compose's format) merged over it.
func embedded(t testing.TB, overrides ...string) *stack.Stack {
	t.Helper()
	o := stack.Options{Default: assets.FS, WorkingDir: t.TempDir()}
	if len(overrides) > 0 {
		if err := os.CopyFS(o.WorkingDir, assets.FS); err != nil {
			t.Fatal(err)
		}
		o.Files = append(o.Files, filepath.Join(o.WorkingDir, "compose.yaml"))
	}
	for _, override := range overrides {
		o.Files = append(o.Files, write(t, o.WorkingDir, override))
	}
	return load(t, o)
}

// withConf is the embedded stack with something replaced in its nginx.conf.
func withConf(t testing.TB, old, wanted string) *stack.Stack {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, assets.FS); err != nil {
		t.Fatal(err)
	}
	content, err := fs.ReadFile(assets.FS, "nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(content), old, wanted, 1)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return load(t, stack.Options{Files: []string{filepath.Join(dir, "compose.yaml")}})
}

// compose loads a Compose file as project "p".
func compose(t testing.TB, text string) *stack.Stack {
	t.Helper()
	return load(t, stack.Options{Files: []string{write(t, t.TempDir(), text)}, ProjectName: "p"})
}

func write(t testing.TB, dir, text string) string {
	t.Helper()
	f, err := os.CreateTemp(dir, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func load(t testing.TB, o stack.Options) *stack.Stack {
	t.Helper()
	read, err := stack.Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := read.Select(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// imagesOf gives every service an image whose ID is made of its reference.
func imagesOf(s *stack.Stack) map[string]planner.Image {
	images := map[string]planner.Image{}
	for name, svc := range s.Project.Services {
		images[name] = planner.Image{Ref: svc.Image, ID: "sha256:" + svc.Image}
	}
	return images
}

// tb is what the helpers need of a test, be it testing's or rapid's.
type tb interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// world is an engine and a stack on it.
type world struct {
	tb
	*memory.Engine
	stack  *stack.Stack
	images map[string]planner.Image

	decided int // how many calls there were when a change was decided on
}

func newWorld(t tb, s *stack.Stack) *world {
	t.Helper()
	w := &world{tb: t, Engine: memory.New()}
	w.use(s)
	return w
}

// use changes the desired state, and makes the engine have its images.
func (w *world) use(s *stack.Stack) {
	w.stack, w.images = s, imagesOf(s)
	for _, image := range w.images {
		w.AddImage(image.Ref, image.ID)
	}
}

func (w *world) up(options ...planner.Options) *steps.Plan {
	w.Helper()
	plan, err := orchestrate.Up(w.Context(), w, w.stack, w.images, one(options), nil, nil)
	if err != nil {
		w.Fatalf("up: %v\nplan:\n%v\nengine:\n%s", err, plan, w.Dump())
	}
	return plan
}

func (w *world) plan(options ...planner.Options) *steps.Plan {
	w.Helper()
	plan, _, err := orchestrate.Prepare(w.Context(), w, w.stack, w.images, one(options))
	if err != nil {
		w.Fatal(err)
	}
	return plan
}

func (w *world) down(options planner.DownOptions) *steps.Plan {
	w.Helper()
	observed, err := observe.Project(w.Context(), w, w.stack.Project.Name)
	if err != nil {
		w.Fatal(err)
	}
	plan := planner.Down(observed, options)
	if err := apply.Plan(w.Context(), w, plan, nil); err != nil {
		w.Fatalf("down: %v\nplan:\n%v\nengine:\n%s", err, plan, w.Dump())
	}
	return plan
}

func one(options []planner.Options) planner.Options {
	if len(options) == 0 {
		return planner.Options{Notice: notice}
	}
	return options[0]
}

// beginOfID is what the name of a container begins with that replaces another; endOfID what the name ends with of one whose
// name another one needs.
var (
	beginOfID = regexp.MustCompile(` [0-9a-f]{12}_`)
	endOfID   = regexp.MustCompile(`_[0-9a-f]{12}\b`)
)

// wantPlan compares a printed plan; leading and trailing line ends of want do not count.
func wantPlan(t tb, plan *steps.Plan, want string) {
	t.Helper()
	got := endOfID.ReplaceAllString(beginOfID.ReplaceAllString(plan.String(), " ID_"), "_ID")
	if diff := cmp.Diff(strings.Trim(want, "\n"), strings.TrimRight(got, "\n")); diff != "" {
		t.Errorf("plan differs (-want +got):\n%s\nas a whole:\n%s", diff, plan)
	}
}

// settled checks that the stack is as described: nothing is left to do, and every program has read the configs that its
// container should have.
func (w *world) settled() {
	w.Helper()
	if plan := w.plan(); !plan.Empty() {
		w.Fatalf("after up, this is left to do:\n%s\nengine:\n%s", plan, w.Dump())
	}
	for name, svc := range w.stack.Project.Services {
		for number := range stack.Replicas(svc) {
			w.checkReplica(name, number+1)
		}
	}
}

func (w *world) checkReplica(service string, number int) {
	w.Helper()
	svc := w.stack.Project.Services[service]
	name := container(w.stack.Project.Name, service, number)
	if svc.ContainerName != "" {
		name = svc.ContainerName
	}
	switch state := w.State(name); {
	case state == "restarting": // reads its config when it starts again
		return
	case state == "exited" && (svc.Restart == "" || svc.Restart == "no"):
		return
	case state != "running":
		w.Fatalf("%s is %s", name, state)
	}
	for _, ref := range svc.Configs {
		if read, file := w.Read(name, ref.Target), w.File(name, ref.Target); read != file || read == "" {
			w.Fatalf("%s was not told to read its config (-file +read):\n%s", name, cmp.Diff(file, read))
		}
		if service != "nginx" {
			continue
		}
		for _, address := range w.addresses("web") {
			if !strings.Contains(w.File(name, ref.Target), "server "+address+":5002") {
				w.Fatalf("the config of %s does not have web at %s", name, address)
			}
		}
	}
}

// addresses lists where the running replicas of a service of the embedded stack are.
func (w *world) addresses(service string) []string {
	var found []string
	for number := range stack.Replicas(w.stack.Project.Services[service]) {
		if address := w.Address(container(w.stack.Project.Name, service, number+1), w.stack.Project.Name+"_default"); address != "" {
			found = append(found, address)
		}
	}
	return found
}

func container(project, service string, number int) string {
	return fmt.Sprintf("%s-%s-%d", project, service, number)
}

// tryUp is an up that may fail.
func (w *world) tryUp() {
	_, _ = orchestrate.Up(w.Context(), w, w.stack, w.images, planner.Options{Notice: notice}, nil, nil)
}

// failing lets every call of a method fail while do runs.
func (w *world) failing(method string, do func()) {
	w.Before(func(_ context.Context, c memory.Call) error {
		if c.Method == method {
			return errBroken
		}
		return nil
	})
	do()
	w.Forget()
}

var errBroken = errors.New("the engine broke down")

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) removeContainer(name string) {
	w.Helper()
	w.check(w.ContainerRemove(w.Context(), name, dockercontainer.RemoveOptions{Force: true, RemoveVolumes: true}))
}

func (w *world) removeVolume(name string) {
	w.Helper()
	w.check(w.VolumeRemove(w.Context(), name, false))
}

func (w *world) removeNetwork(name string) {
	w.Helper()
	w.check(w.NetworkRemove(w.Context(), name))
}

func (w *world) createNetwork(name string, labels map[string]string) {
	w.Helper()
	_, err := w.NetworkCreate(w.Context(), name, network.CreateOptions{Labels: labels})
	w.check(err)
}

func (w *world) createVolume(name string, labels map[string]string) {
	w.Helper()
	_, err := w.VolumeCreate(w.Context(), volume.CreateOptions{Name: name, Labels: labels})
	w.check(err)
}

// foreign runs a container of another project, or of none, that publishes host ports (ip:port).
func (w *world) foreign(name, project string, ports ...string) {
	w.Helper()
	w.create(name, map[string]string{label.Project: project}, "bridge", ports...)
	w.check(w.ContainerStart(w.Context(), name, dockercontainer.StartOptions{}))
}

func (w *world) create(name string, labels map[string]string, networkName string, ports ...string) {
	w.Helper()
	w.AddImage("busybox", "sha256:busybox")
	bindings := nat.PortMap{}
	for _, port := range ports {
		ip, number, _ := strings.Cut(port, ":")
		bindings["80/tcp"] = append(bindings["80/tcp"], nat.PortBinding{HostIP: ip, HostPort: number})
	}
	_, err := w.ContainerCreate(w.Context(), &dockercontainer.Config{Image: "busybox", Labels: labels},
		&dockercontainer.HostConfig{NetworkMode: dockercontainer.NetworkMode(networkName), PortBindings: bindings}, &network.NetworkingConfig{}, nil, name)
	w.check(err)
}

// plannedSubnet is where an up would put the project's network now: found on an engine of the same state that is thrown
// away.
func (w *world) plannedSubnet() string {
	w.Helper()
	other := newWorld(w.tb, w.stack)
	other.up()
	list, err := other.NetworkList(w.Context(), network.ListOptions{})
	w.check(err)
	for _, n := range list {
		if n.Labels[label.Project] == w.stack.Project.Name {
			return n.IPAM.Config[0].Subnet
		}
	}
	w.Fatal("up made no network")
	return ""
}

func (w *world) createNetworkIn(name, subnet string) {
	w.Helper()
	_, err := w.NetworkCreate(w.Context(), name, network.CreateOptions{IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet}}}})
	w.check(err)
}
