package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/build"
	"github.com/moby/go-archive"
	"github.com/moby/patternmatcher/ignorefile"

	"stackctl.dev/stackctl/internal/orchestrate"
	"stackctl.dev/stackctl/internal/stack"
)

// buildContext builds a service's own `build` section.
func buildContext(ctx context.Context, e Engine, svc types.ServiceConfig, res Resolution, sink orchestrate.Sink) (Resolution, error) {
	work := newWork(sink, "build image", res)
	work.stall = runLimit
	section := svc.Build
	ignored, err := dockerignore(ctx, section.Context)
	if err != nil {
		return res, work.failed(err)
	}
	dockerfile, err := findDockerfile(ctx, section)
	if err != nil {
		return res, work.failed(fmt.Errorf("building image %q: %w", res.Ref, err))
	}
	tarred, err := archive.TarWithOptions(section.Context, &archive.TarOptions{ExcludePatterns: append(ignored, "!"+dockerfile.name)})
	if err != nil {
		return res, work.failed(fmt.Errorf("reading build context %q: %w", section.Context, err))
	}
	content := dockerfile.join(tarred)
	defer content.Close()
	return work.build(ctx, e, res, content, build.ImageBuildOptions{
		Tags: append([]string{res.Ref}, section.Tags...), Dockerfile: dockerfile.name, BuildArgs: section.Args,
		Labels: section.Labels, Target: section.Target, NoCache: section.NoCache, PullParent: section.Pull, Platform: svc.Platform,
	})
}

func dockerignore(ctx context.Context, dir string) ([]string, error) {
	content, err := stack.ReadFile(ctx, filepath.Join(dir, ".dockerignore"), stack.IgnoreLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading .dockerignore: %w", err)
	}
	return ignorefile.ReadAll(bytes.NewReader(content))
}
