package orchestrate_test

import (
	"slices"
	"strings"
	"testing"

	dockercontainer "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// Anonymous volumes are handed on, but where the Compose file has something else at their paths by now.
func TestAnonymousVolumesAreHandedOn(t *testing.T) {
	const before = "services: {a: {image: a, volumes: [/kept, /dropped, /named, /tmpfs, /tmpfs2, /bind]}}\n"
	const after = `
services: {a: {image: a, cpus: 2, volumes: [/kept, "data:/named", {type: tmpfs, target: /tmpfs}, "/host:/bind"], tmpfs: [/tmpfs2]}}
volumes: {data: {}}
`
	w := newWorld(t, compose(t, before))
	data := func() map[string]string {
		observed, err := orchestrate.Observe(t.Context(), w, "p")
		w.check(err)
		return observed.Containers[0].Data
	}
	w.up()
	old := data()
	w.use(compose(t, after))
	w.up()
	w.settled()
	if got := data(); len(old) != 6 || len(got) != 1 || got["/kept"] != old["/kept"] {
		t.Errorf("it had %v, and has %v", old, got)
	}
	w.up(orchestrate.PlanOptions{ForceRecreate: true, RenewVolumes: true})
	renewed := data()["/kept"]
	if renewed == old["/kept"] || renewed == "" {
		t.Errorf("renewed: %v", data())
	}
	w.down(orchestrate.DownOptions{})
	var left []string
	for _, v := range w.volumes() {
		if v != "p_data" {
			left = append(left, v)
		}
	}
	for _, name := range old {
		if !slices.Contains(left, name) {
			t.Errorf("volume %s of %v is gone", name, old)
		}
	}
	if len(left) != 7 || !slices.Contains(left, renewed) {
		t.Errorf("left: %v", left)
	}
}

// What stands in a read-only container for its configs is no data: it goes with the container, whatever stays.
func TestConfigFoldersAreNoData(t *testing.T) {
	const file = "configs: {c: {content: x}}\nservices: {a: {image: a, read_only: true, volumes: [/data], configs: [{source: c, target: /etc/a/c}]}}\n"
	w := newWorld(t, compose(t, file))
	w.up()
	if n := len(w.volumes()); n != 2 {
		t.Fatalf("%d volumes", n)
	}
	w.up(orchestrate.PlanOptions{ForceRecreate: true})
	if n := len(w.volumes()); n != 2 {
		t.Errorf("%d volumes after a replacement", n)
	}
	w.down(orchestrate.DownOptions{})
	if n := len(w.volumes()); n != 1 {
		t.Errorf("%d volumes after down", n)
	}
	w.up()
	w.up(orchestrate.PlanOptions{ForceRecreate: true})
	w.down(orchestrate.DownOptions{Volumes: true})
	if n := len(w.volumes()); n != 1 {
		t.Errorf("%d volumes after down -v", n)
	}
}

// volumes lists all that the engine has.
func (w *world) volumes() (names []string) {
	w.Helper()
	observed, err := orchestrate.Observe(w.Context(), w, "p")
	w.check(err)
	for _, v := range observed.Volumes {
		names = append(names, v.Name)
	}
	return names
}

func TestImagesGoWithTheStack(t *testing.T) {
	const file = "services: {built: {build: .}, named: {image: named}, shared: {image: shared}}\n"
	for choice, want := range map[orchestrate.RemoveImages]string{
		orchestrate.RemoveNoImages: "named p-built shared", orchestrate.RemoveLocalImages: "named shared", orchestrate.RemoveAllImages: "shared",
	} {
		w := newWorld(t, compose(t, file))
		w.images["built"] = orchestrate.Image{Ref: "p-built", ID: "sha256:built"}
		w.AddImage("p-built", "sha256:built")
		w.up()
		_, err := w.ContainerCreate(t.Context(), &dockercontainer.Config{Image: "shared"}, &dockercontainer.HostConfig{}, &network.NetworkingConfig{}, nil, "other")
		w.check(err)
		observed, err := orchestrate.Observe(t.Context(), w, "p")
		w.check(err)
		var warned string
		w.check(orchestrate.Apply(t.Context(), w, orchestrate.PlanDown(observed, orchestrate.DownOptions{Images: choice}), func(e orchestrate.Event) {
			if e.Kind == orchestrate.EventWarning {
				warned += e.Object + ": " + e.Detail
			}
		}))
		list, err := w.ImageList(t.Context(), image.ListOptions{})
		w.check(err)
		var left []string
		for _, i := range list {
			if i.RepoTags[0] != "" { // as which the world knew the built one
				left = append(left, i.RepoTags[0])
			}
		}
		if strings.Join(left, " ") != want || (warned != "") != (choice == orchestrate.RemoveAllImages) {
			t.Errorf("%q leaves %v, and says %q", choice, left, warned)
		}
	}
}
