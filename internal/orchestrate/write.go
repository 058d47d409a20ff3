package orchestrate

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// File is a file to be written into a container.
type File struct {
	Path     string
	Content  string
	Mode     int64
	UID, GID int
}

// parts says what of a config is written: the file, its mark (see markOf), or both.
type parts int

const (
	written parts = 1 << iota
	marked
)

// writeFiles writes files that share one directory, over the API: it works with remote engines and needs no bind mount.
type writeFiles struct {
	bounded
	Container string
	Files     []File
	Parts     parts
	// MakeDirs makes folders that the image lacks; the root of the container must be writable for that.
	MakeDirs bool
}

func (a writeFiles) Verb() string {
	if a.Parts == marked {
		return "mark files"
	}
	return "write files"
}
func (a writeFiles) Object() string {
	names := make([]string, len(a.Files))
	for i, f := range a.Files {
		names[i] = f.Path
	}
	return a.Container + ":" + strings.Join(names, ",")
}

func (a writeFiles) apply(ctx context.Context, w Writer) error {
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	root := path.Dir(a.Files[0].Path)
	if a.MakeDirs {
		root = "/"
	}
	for _, f := range a.parts() {
		header := &tar.Header{
			Name: strings.TrimPrefix(strings.TrimPrefix(f.Path, root), "/"), Mode: f.Mode, Uid: f.UID, Gid: f.GID,
			Size: int64(len(f.Content)), Typeflag: tar.TypeReg, ModTime: time.Unix(stampOf(f.Content).Time, 0),
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

func (a writeFiles) parts() []File {
	var files []File
	for _, f := range a.Files {
		if a.Parts&written != 0 {
			files = append(files, f)
		}
		if a.Parts&marked != 0 {
			files = append(files, markOf(f))
		}
	}
	return files
}

// byDir groups files by their directory, in the order of these.
func byDir(files []File) [][]File {
	groups := map[string][]File{}
	for _, f := range files {
		groups[path.Dir(f.Path)] = append(groups[path.Dir(f.Path)], f)
	}
	var sorted [][]File
	for _, dir := range slices.Sorted(maps.Keys(groups)) {
		sorted = append(sorted, groups[dir])
	}
	return sorted
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
