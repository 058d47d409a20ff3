package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/build"
	"github.com/moby/go-archive"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/stack"
)

// buildContext builds the image of a service's `build` section.
func buildContext(ctx context.Context, e Engine, svc types.ServiceConfig, res Resolution, sink report.Sink) (Resolution, error) {
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
	excluded := slices.Concat(ignored, []string{"!" + dockerfile.name})
	if err := checkReadable(section.Context, excluded); err != nil {
		return res, work.failed(fmt.Errorf("reading build context %q: %w", section.Context, err))
	}
	tarred, err := archive.TarWithOptions(section.Context, &archive.TarOptions{ExcludePatterns: excluded})
	if err != nil {
		return res, work.failed(fmt.Errorf("reading build context %q: %w", section.Context, err))
	}
	content := dockerfile.addTo(tarred)
	defer content.Close()
	return work.build(ctx, e, res, content, build.ImageBuildOptions{
		Tags: append([]string{res.Ref}, section.Tags...), Dockerfile: dockerfile.name, BuildArgs: section.Args,
		Labels: section.Labels, Target: section.Target, NoCache: section.NoCache, PullParent: section.Pull, Platform: svc.Platform,
	})
}

// checkReadable returns an error if a file of a build context cannot be read: the archive would silently leave it out.
func checkReadable(dir string, excluded []string) error {
	matcher, err := patternmatcher.New(excluded)
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, failed error) error {
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if relative == "." {
			return failed
		}
		skip, err := matcher.MatchesOrParentMatches(relative)
		switch {
		case err != nil:
			return err
		case skip && entry.IsDir() && !matcher.Exclusions():
			return fs.SkipDir
		case skip:
			return nil
		case failed != nil || !entry.Type().IsRegular():
			return failed
		}
		f, err := os.Open(path)
		if err == nil {
			_ = f.Close()
		}
		return err
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
