package orchestrate_test

import (
	"slices"
	"strings"
	"testing"

	dockercontainer "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"

	"stackctl.dev/stackctl/internal/orchestrate/apply"
	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
	"stackctl.dev/stackctl/internal/orchestrate/report"
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
		observed, err := observe.Project(t.Context(), w, "p")
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
	w.up(planner.Options{Notice: notice, ForceRecreate: true, RenewVolumes: true})
	renewed := data()["/kept"]
	if renewed == old["/kept"] || renewed == "" {
		t.Errorf("renewed: %v", data())
	}
	w.down(planner.DownOptions{})
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
	w.up(planner.Options{Notice: notice, ForceRecreate: true})
	if n := len(w.volumes()); n != 2 {
		t.Errorf("%d volumes after a replacement", n)
	}
	w.down(planner.DownOptions{})
	if n := len(w.volumes()); n != 1 {
		t.Errorf("%d volumes after down", n)
	}
	w.up()
	w.up(planner.Options{Notice: notice, ForceRecreate: true})
	w.down(planner.DownOptions{Volumes: true})
	if n := len(w.volumes()); n != 1 {
		t.Errorf("%d volumes after down -v", n)
	}
}

// volumes lists all that the engine has.
func (w *world) volumes() (names []string) {
	w.Helper()
	observed, err := observe.Project(w.Context(), w, "p")
	w.check(err)
	for _, v := range observed.Volumes {
		names = append(names, v.Name)
	}
	return names
}

func TestImagesGoWithTheStack(t *testing.T) {
	const file = "services: {built: {build: .}, named: {image: named}, shared: {image: shared}}\n"
	for choice, want := range map[planner.RemoveImages]string{
		planner.RemoveNoImages: "named p-built shared", planner.RemoveLocalImages: "named shared", planner.RemoveAllImages: "shared",
	} {
		w := newWorld(t, compose(t, file))
		w.images["built"] = planner.Image{Ref: "p-built", ID: "sha256:built"}
		w.AddImage("p-built", "sha256:built")
		w.up()
		_, err := w.ContainerCreate(t.Context(), &dockercontainer.Config{Image: "shared"}, &dockercontainer.HostConfig{}, &network.NetworkingConfig{}, nil, "other")
		w.check(err)
		observed, err := observe.Project(t.Context(), w, "p")
		w.check(err)
		var warned string
		w.check(apply.Plan(t.Context(), w, planner.Down(observed, planner.DownOptions{Images: choice}), func(e report.Event) {
			if e.Kind == report.Warning {
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
		if strings.Join(left, " ") != want || (warned != "") != (choice == planner.RemoveAllImages) {
			t.Errorf("%q leaves %v, and says %q", choice, left, warned)
		}
	}
}
