package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
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
	dockerfile := section.Dockerfile
	if dockerfile == "" {
		dockerfile = "Dockerfile"
	}
	if section.DockerfileInline != "" || filepath.IsAbs(dockerfile) {
		return res, work.failed(fmt.Errorf("building image %q: dockerfile_inline and absolute dockerfile paths are not supported; put the Dockerfile into %q", res.Ref, section.Context))
	}
	if err := stack.CheckFile(filepath.Join(section.Context, dockerfile), math.MaxInt64); err != nil {
		return res, work.failed(fmt.Errorf("building image %q: %w", res.Ref, err))
	}
	content, err := archive.TarWithOptions(section.Context, &archive.TarOptions{ExcludePatterns: append(ignored, "!"+dockerfile)})
	if err != nil {
		return res, work.failed(fmt.Errorf("reading build context %q: %w", section.Context, err))
	}
	defer content.Close()
	return work.build(ctx, e, res, content, build.ImageBuildOptions{
		Tags: append([]string{res.Ref}, section.Tags...), Dockerfile: filepath.ToSlash(dockerfile), BuildArgs: section.Args,
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
