package configs

import (
	"archive/tar"
	"context"
	"fmt"
	"io"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// reader reads out of containers.
type reader interface {
	CopyFromContainer(ctx context.Context, id, path string) (io.ReadCloser, container.PathStat, error)
}

// maxConfig bounds a config that is read back, in bytes.
const maxConfig = 4 << 20

// ReadFiles reads files of a container; those that are not there are left out.
func ReadFiles(ctx context.Context, r reader, name string, files []File) ([]File, error) {
	var found []File
	for _, f := range files {
		content, err := ReadFile(ctx, r, name, f.Path)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", f.Path, err)
		}
		f.Content = content
		found = append(found, f)
	}
	return found, nil
}

// ReadFile returns the content of a file in a container.
func ReadFile(ctx context.Context, r reader, name, file string) (string, error) {
	archive, _, err := r.CopyFromContainer(ctx, name, file)
	if err != nil {
		return "", err
	}
	defer archive.Close()
	return firstOf(io.LimitReader(archive, maxConfig))
}

// firstOf reads the first file of a tar archive.
func firstOf(archive io.Reader) (string, error) {
	tr := tar.NewReader(archive)
	if _, err := tr.Next(); err != nil {
		return "", err
	}
	content, err := io.ReadAll(tr)
	return string(content), err
}
