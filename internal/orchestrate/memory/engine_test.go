package memory_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/docker/go-connections/nat"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/memory"
)

var _ apply.Engine = (*memory.Engine)(nil)

// rig is an engine with an image, and the calls that the tests make again and again.
type rig struct {
	*memory.Engine
	t *testing.T
}

func newRig(t *testing.T) rig {
	e := memory.New()
	e.AddImage("a", "sha256:a", "/opt/a")
	return rig{e, t}
}

func (r rig) create(name string, change ...func(*container.Config, *container.HostConfig, *network.EndpointSettings)) error {
	config, host, end := &container.Config{Image: "a"}, &container.HostConfig{NetworkMode: "net"}, &network.EndpointSettings{}
	for _, f := range change {
		f(config, host, end)
	}
	networking := &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{"net": end}}
	_, err := r.ContainerCreate(r.t.Context(), config, host, networking, nil, name)
	return err
}

func (r rig) start(name string) error {
	return r.ContainerStart(r.t.Context(), name, container.StartOptions{})
}

func (r rig) remove(name string) error {
	return r.ContainerRemove(r.t.Context(), name, container.RemoveOptions{RemoveVolumes: true})
}

func (r rig) network(name, subnet string) error {
	_, err := r.NetworkCreate(r.t.Context(), name, network.CreateOptions{IPAM: &network.IPAM{Config: []network.IPAMConfig{{Subnet: subnet}}}})
	return err
}

func (r rig) write(name, dir, file string) error {
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	if err := tw.WriteHeader(&tar.Header{Name: file, Size: 2, Mode: 0o444}); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(tw, "hi"); err != nil {
		r.t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		r.t.Fatal(err)
	}
	return r.CopyToContainer(r.t.Context(), name, dir, &archive, container.CopyToContainerOptions{})
}

func (r rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// refused checks the kind of an error and its words.
func (r rig) refused(err error, kind func(error) bool, words string) {
	r.t.Helper()
	if err == nil || !kind(err) || !strings.Contains(err.Error(), words) {
		r.t.Errorf("got %v, want ...%s...", err, words)
	}
}

func TestNames(t *testing.T) {
	r := newRig(t)
	r.ok(r.create("x"))
	r.refused(r.create("x"), errdefs.IsConflict, `Conflict. The container name "/x" is already in use by container "`)
	r.refused(r.create("y", func(c *container.Config, _ *container.HostConfig, _ *network.EndpointSettings) { c.Image = "none" }), errdefs.IsNotFound, "No such image: none")
	r.refused(r.start("y"), errdefs.IsNotFound, "No such container: y")
	list, err := r.ContainerList(t.Context(), container.ListOptions{All: true})
	if err != nil || len(list) != 1 || list[0].Names[0] != "/x" || list[0].State != "created" || list[0].ImageID != "sha256:a" {
		t.Fatalf("list: %+v, %v", list, err)
	}
	_, err = r.ContainerInspect(t.Context(), list[0].ID[:12])
	r.ok(err)
}

func TestListFilters(t *testing.T) {
	r := newRig(t)
	r.ok(r.network("net", "10.0.0.0/24"))
	for _, name := range []string{"x", "y"} {
		r.ok(r.create(name, func(c *container.Config, _ *container.HostConfig, _ *network.EndpointSettings) {
			c.Labels = map[string]string{"project": name}
		}))
	}
	r.ok(r.start("x"))
	for all, want := range map[bool]int{true: 2, false: 1} {
		if list, err := r.ContainerList(t.Context(), container.ListOptions{All: all}); err != nil || len(list) != want {
			t.Errorf("All %t lists %d, %v", all, len(list), err)
		}
	}
	list, err := r.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "project=y"))})
	if err != nil || len(list) != 1 || list[0].Names[0] != "/y" {
		t.Errorf("list: %+v, %v", list, err)
	}
}

func TestNetworks(t *testing.T) {
	r := newRig(t)
	r.ok(r.create("x"))
	r.refused(r.start("x"), errdefs.IsNotFound, "network net not found")
	r.ok(r.network("net", "10.0.0.0/24"))
	r.refused(r.network("net", "10.1.0.0/24"), errdefs.IsConflict, "network with name net already exists")
	r.refused(r.network("other", "10.0.0.128/25"), errdefs.IsPermissionDenied, "Pool overlaps with other one on this address space")
	r.ok(r.start("x"))
	if got := r.Address("x", "net"); got != "10.0.0.2" {
		t.Errorf("x is at %s", got)
	}
	r.refused(r.NetworkRemove(t.Context(), "net"), errdefs.IsPermissionDenied, "has active endpoints")
	r.Exit("x", 0)
	r.ok(r.NetworkRemove(t.Context(), "net"))
	r.refused(r.NetworkRemove(t.Context(), "net"), errdefs.IsNotFound, "network net not found")
	r.ok(r.network("net", "10.0.0.0/24"))
	r.refused(r.start("x"), errdefs.IsNotFound, " not found") // it remembers the one that is gone
}

func TestFixedAddresses(t *testing.T) {
	r := newRig(t)
	r.ok(r.network("net", "10.0.0.0/24"))
	at := func(address string) func(*container.Config, *container.HostConfig, *network.EndpointSettings) {
		return func(_ *container.Config, _ *container.HostConfig, end *network.EndpointSettings) {
			end.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: address}
		}
	}
	r.ok(r.create("x", at("10.0.0.9")))
	r.ok(r.create("y", at("10.0.0.9")))
	r.ok(r.create("z", at("10.9.0.9")))
	r.ok(r.start("x"))
	r.refused(r.start("y"), errdefs.IsPermissionDenied, "Address already in use")
	r.refused(r.start("z"), errdefs.IsInvalidArgument, "Invalid address 10.9.0.9: It does not belong to any of this network's subnets")
	if r.State("y") != "created" {
		t.Errorf("y is %s", r.State("y"))
	}
	r.Exit("x", 0)
	r.ok(r.start("y"))
}

func TestPorts(t *testing.T) {
	r := newRig(t)
	r.ok(r.network("net", "10.0.0.0/24"))
	for name, ip := range map[string]string{"x": "127.0.0.1", "y": ""} {
		r.ok(r.create(name, func(_ *container.Config, host *container.HostConfig, _ *network.EndpointSettings) {
			host.PortBindings = nat.PortMap{"80/tcp": {{HostIP: ip, HostPort: "5002"}}}
		}))
	}
	r.ok(r.start("x"))
	r.refused(r.start("y"), errdefs.IsInternal, "Bind for 0.0.0.0:5002 failed: port is already allocated")
}

func TestStates(t *testing.T) {
	r := newRig(t)
	r.ok(r.network("net", "10.0.0.0/24"))
	r.ok(r.create("x"))
	r.ok(r.ContainerStop(t.Context(), "x", container.StopOptions{}))
	r.refused(r.ContainerKill(t.Context(), "x", "SIGHUP"), errdefs.IsConflict, "is not running")
	r.ok(r.start("x"))
	r.ok(r.start("x"))
	r.refused(r.remove("x"), errdefs.IsConflict, "You cannot remove a running container")
	r.refused(r.ContainerUnpause(t.Context(), "x"), errdefs.IsConflict, "is not paused")
	r.Pause("x")
	r.refused(r.start("x"), errdefs.IsConflict, "cannot start a paused container, try unpause instead")
	r.refused(r.remove("x"), errdefs.IsConflict, "You cannot remove a paused container")
	r.ok(r.ContainerUnpause(t.Context(), "x"))
	r.ok(r.ContainerStop(t.Context(), "x", container.StopOptions{}))
	list, err := r.ContainerList(t.Context(), container.ListOptions{All: true})
	if err != nil || !strings.HasPrefix(list[0].Status, "Exited (0)") {
		t.Errorf("list: %+v, %v", list, err)
	}
	r.Die("x")
	r.refused(r.start("x"), errdefs.IsConflict, "marked for removal")
	r.ok(r.remove("x"))
	r.refused(r.remove("x"), errdefs.IsNotFound, "No such container: x")
}

func TestVolumes(t *testing.T) {
	r := newRig(t)
	r.ok(r.create("x", func(_ *container.Config, host *container.HostConfig, _ *network.EndpointSettings) {
		host.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: "v", Target: "/v"}, {Type: mount.TypeVolume, Target: "/anonymous"}}
	}))
	r.refused(r.VolumeRemove(t.Context(), "v", false), errdefs.IsConflict, "remove v: volume is in use - [")
	r.ok(r.remove("x"))
	list, err := r.VolumeList(t.Context(), volume.ListOptions{})
	if err != nil || len(list.Volumes) != 1 || list.Volumes[0].Name != "v" {
		t.Errorf("volumes: %+v, %v", list.Volumes, err)
	}
	r.ok(r.VolumeRemove(t.Context(), "v", false))
	r.refused(r.VolumeRemove(t.Context(), "v", false), errdefs.IsNotFound, "no such volume")
}

func TestFiles(t *testing.T) {
	r := newRig(t)
	r.ok(r.network("net", "10.0.0.0/24"))
	readOnly := func(_ *container.Config, host *container.HostConfig, _ *network.EndpointSettings) {
		host.ReadonlyRootfs = true
		host.Mounts = []mount.Mount{{Type: mount.TypeVolume, Target: "/etc/x"}}
	}
	r.ok(r.create("x", readOnly))
	r.refused(r.write("x", "/etc", "f"), errdefs.IsInternal, "container rootfs is marked read-only")
	r.refused(r.write("x", "/nowhere", "f"), errdefs.IsNotFound, "Could not find the file /nowhere in container x")
	r.ok(r.write("x", "/etc/x", "f"))
	r.ok(r.create("y"))
	r.ok(r.write("y", "/opt/a", "f"))
	r.ok(r.write("y", "/", "some/where/f"))
	for _, path := range []string{"/opt/a/f", "/some/where/f"} {
		stat, err := r.ContainerStatPath(t.Context(), "y", path)
		if err != nil || stat.Size != 2 {
			t.Errorf("%s: %+v, %v", path, stat, err)
		}
	}
	_, err := r.ContainerStatPath(t.Context(), "y", "/none")
	r.refused(err, errdefs.IsNotFound, "Could not find the file /none in container y")
	stream, _, err := r.CopyFromContainer(t.Context(), "x", "/etc/x/f")
	r.ok(err)
	defer stream.Close()
	archive := tar.NewReader(stream)
	_, err = archive.Next()
	r.ok(err)
	if content, err := io.ReadAll(archive); string(content) != "hi" || err != nil {
		t.Errorf("read %q, %v", content, err)
	}
}

// A program reads its files when it starts and when it is told to.
func TestReload(t *testing.T) {
	r := newRig(t)
	r.ok(r.network("net", "10.0.0.0/24"))
	r.ok(r.create("x"))
	r.ok(r.start("x"))
	for i, signal := range []func(){
		func() { r.ok(r.ContainerKill(t.Context(), "x", "SIGHUP")) },
		func() {
			r.Pause("x")
			r.ok(r.ContainerKill(t.Context(), "x", "SIGHUP"))
			r.ok(r.ContainerUnpause(t.Context(), "x"))
		},
		func() { r.ok(r.ContainerStop(t.Context(), "x", container.StopOptions{})); r.ok(r.start("x")) },
	} {
		content := strings.Repeat("x", i+1)
		r.WriteFile("x", "/etc/f", content)
		if r.Read("x", "/etc/f") == content {
			t.Error("it read without being told to")
		}
		if signal(); r.Read("x", "/etc/f") != content {
			t.Errorf("%d: it did not read", i)
		}
	}
}

func TestPrograms(t *testing.T) {
	r := newRig(t)
	r.ok(r.network("net", "10.0.0.0/24"))
	check := func(c *container.Config, _ *container.HostConfig, _ *network.EndpointSettings) {
		c.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "x"}}
	}
	for _, test := range []struct {
		name    string
		program memory.Program
		status  string
	}{
		{"well", memory.Program{}, "Up 3 seconds (healthy)"},
		{"slow", memory.Program{Health: "starting"}, "Up 3 seconds (health: starting)"},
		{"ends", memory.Program{Ends: true, Code: 3}, "Exited (3) 3 seconds ago"},
	} {
		r.Run(test.name, test.program)
		r.ok(r.create(test.name, check))
		r.ok(r.start(test.name))
		list, err := r.ContainerList(t.Context(), container.ListOptions{All: true})
		if err != nil || list[0].Status != test.status {
			t.Errorf("%s: %s, %v", test.name, list[0].Status, err)
		}
	}
	r.SetHealth("well", "unhealthy")
	if info, err := r.ContainerInspect(t.Context(), "well"); err != nil || info.State.Health.Status != "unhealthy" {
		t.Errorf("%+v, %v", info.State, err)
	}
	r.SetLogs("well", "one", "two")
	stream, err := r.ContainerLogs(t.Context(), "well", container.LogsOptions{ShowStdout: true})
	r.ok(err)
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, io.Discard, stream); err != nil || out.String() != "one\ntwo\n" {
		t.Errorf("logs: %q, %v", out.String(), err)
	}
}

func TestImages(t *testing.T) {
	r := newRig(t)
	for _, ref := range []string{"a", "sha256:a"} {
		if info, err := r.ImageInspect(t.Context(), ref); err != nil || info.ID != "sha256:a" {
			t.Errorf("%s: %+v, %v", ref, info, err)
		}
	}
	_, err := r.ImageInspect(t.Context(), "b")
	r.refused(err, errdefs.IsNotFound, "No such image: b")
	if list, err := r.ImageList(t.Context(), image.ListOptions{}); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestFaults(t *testing.T) {
	r := newRig(t)
	broken := errors.New("broken")
	r.FailAt(1, broken)
	r.LoseAnswer(2, broken)
	for i, there := range []bool{false, true} {
		if err := r.create("x"); !errors.Is(err, broken) {
			t.Errorf("call %d: %v", i+1, err)
		}
		if r.Has("x") != there {
			t.Errorf("call %d made x: %t", i+1, !there)
		}
	}
	if calls := r.Calls(); len(calls) != 2 || calls[1] != (memory.Call{N: 2, Method: "ContainerCreate", Object: "x"}) {
		t.Errorf("calls: %+v", calls)
	}
	r.Forget()
	r.ok(r.remove("x"))
}

func TestBlock(t *testing.T) {
	r := newRig(t)
	entered, release := r.Block("ContainerCreate", "x")
	r.ok(r.create("y"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.ContainerCreate(ctx, &container.Config{Image: "a"}, &container.HostConfig{}, &network.NetworkingConfig{}, nil, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
	<-entered
	var group sync.WaitGroup
	group.Go(func() { r.ok(r.create("x")) })
	<-entered
	if r.Has("x") {
		t.Error("the call was not held back")
	}
	release()
	group.Wait()
	if !r.Has("x") {
		t.Error("the call was not let go")
	}
}

// Of many that ask at once for one name, one gets it.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t)
	var group sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		group.Go(func() { errs[i] = r.create("x") })
	}
	group.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errdefs.IsConflict(err) {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d made it", made)
	}
}
