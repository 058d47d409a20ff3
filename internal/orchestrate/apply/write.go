package apply

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"path"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/steps"
)

func writeFiles(ctx context.Context, w Engine, a steps.WriteFiles) error {
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	root := path.Dir(a.Files[0].Path)
	if a.MakeDirs {
		root = "/"
	}
	for _, f := range a.Contents() {
		header := &tar.Header{
			Name: strings.TrimPrefix(strings.TrimPrefix(f.Path, root), "/"), Mode: f.Mode, Uid: f.UID, Gid: f.GID,
			Size: int64(len(f.Content)), Typeflag: tar.TypeReg, ModTime: time.Unix(f.Stamp().Time, 0),
		}
		if err := tw.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.WriteString(tw, f.Content); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return w.CopyToContainer(ctx, a.Container, root, &archive, container.CopyToContainerOptions{})
}
