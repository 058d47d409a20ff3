package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/orchestrate"
)

// floodImage is the image of bench/testdata/flood; two runs of bench do not share it.
var floodImage = fmt.Sprintf("bench-flood:%d", os.Getpid())

// logSize is more than a minute of the flood writes: an engine that rotates a log under a reader may send lines twice.
const logSize = "1g"

// build compiles one of the programs in testdata. It is static: an image from scratch has nothing to link with.
func (b *bench) build(ctx context.Context, name string) (string, error) {
	path := filepath.Join(b.dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "stackctl.dev/stackctl/bench/testdata/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %q: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return path, nil
}

// importFlood makes the flood's image: nothing but the program.
func (b *bench) importFlood(ctx context.Context) error {
	path, err := b.build(ctx, "flood")
	if err != nil {
		return err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the program of the flood: %w", err)
	}
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	err = tw.WriteHeader(&tar.Header{Name: "flood", Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = tw.Write(program)
	}
	if err = errors.Join(err, tw.Close()); err != nil {
		return fmt.Errorf("archiving the program of the flood: %w", err)
	}
	answer, err := b.engine.ImageImport(ctx, image.ImportSource{Source: &archive, SourceName: "-"}, floodImage,
		image.ImportOptions{Changes: []string{`ENTRYPOINT ["/flood"]`}})
	if err != nil {
		return fmt.Errorf("importing image %q: %w", floodImage, err)
	}
	defer answer.Close()
	_, err = io.Copy(io.Discard, answer)
	return err
}

func (b *bench) removeFlood(ctx context.Context) error {
	_, err := b.engine.ImageRemove(ctx, floodImage, image.RemoveOptions{Force: true})
	return err
}

// create makes the n-th container of a service in a project. It runs the flood: at a rate, after some old lines.
func (b *bench) create(ctx context.Context, project, service string, n, rate, seconds, old int) (string, error) {
	name := fmt.Sprintf("%s-%s-%d", project, service, n)
	_, err := b.engine.ContainerCreate(ctx, &container.Config{
		Image: floodImage, Cmd: []string{strconv.Itoa(rate), strconv.Itoa(seconds), strconv.Itoa(old)},
		Labels: map[string]string{
			orchestrate.LabelProject: project, orchestrate.LabelService: service,
			orchestrate.LabelContainerNumber: strconv.Itoa(n), orchestrate.LabelOneOff: "False",
		},
	}, &container.HostConfig{
		NetworkMode: "none",
		LogConfig:   container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": logSize, "max-file": "1"}},
	}, nil, nil, name)
	if err != nil {
		return "", fmt.Errorf("creating container %q: %w", name, err)
	}
	return name, nil
}

// startMany makes and starts n containers that do nothing, some side by side.
func (b *bench) startMany(ctx context.Context, project, service string, n int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range n {
		group.Go(func() error {
			name, err := b.create(ctx, project, service, i+1, 0, 0, 1)
			if err != nil {
				return err
			}
			return b.startContainer(ctx, name)
		})
	}
	return group.Wait()
}

func (b *bench) startContainer(ctx context.Context, name string) error {
	if err := b.engine.ContainerStart(ctx, name, container.StartOptions{}); err != nil {
		return fmt.Errorf("starting container %q: %w", name, err)
	}
	return nil
}

func (b *bench) removeContainer(ctx context.Context, name string) error {
	if err := b.engine.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
		return fmt.Errorf("removing container %q: %w", name, err)
	}
	return nil
}

// keepImages notes the web tier's images that are there, and returns what takes away those that a project's containers brought
// along, and gives a name that they took back to the image that had it.
func (b *bench) keepImages(ctx context.Context) (restore func(ctx context.Context, used string) error, err error) {
	before, err := b.imageNames(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, used string) error {
		now, err := b.imageNames(ctx)
		if err != nil {
			return err
		}
		var errs []error
		for name, id := range now {
			had, ok := before[name]
			switch {
			case id != used || id == had:
			case ok:
				errs = append(errs, b.engine.ImageTag(ctx, had, name))
			default:
				_, err := b.engine.ImageRemove(ctx, name, image.RemoveOptions{})
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}, nil
}

// imageNames are the names of all images, with the images' IDs.
func (b *bench) imageNames(ctx context.Context) (map[string]string, error) {
	list, err := b.engine.ImageList(ctx, image.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	names := map[string]string{}
	for _, summary := range list {
		for _, name := range summary.RepoTags {
			names[name] = summary.ID
		}
	}
	return names, nil
}

// webImage is the ID of the image that a project's web tier runs.
func (b *bench) webImage(ctx context.Context, project string) (string, error) {
	info, err := b.engine.ContainerInspect(ctx, project+"-web-1")
	if err != nil {
		return "", fmt.Errorf("inspecting the web tier of project %q: %w", project, err)
	}
	return info.Image, nil
}
