// Package volumes reads and writes what containers keep in volumes, through the containers: they need not run.
package volumes

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
)

// Writer is what writing needs of an engine.
type Writer interface {
	observe.Reader
	CopyToContainer(ctx context.Context, id, path string, content io.Reader, options container.CopyToContainerOptions) error
}

// maxFiles bounds the files of a folder.
const maxFiles = 10_000

// Read writes a tar of what a folder has, with names relative to it: files, folders and links within it. It is an error if that takes more
// than limit bytes.
func Read(ctx context.Context, r observe.Reader, c observe.Container, folder string, limit int64, w io.Writer) error {
	archive, _, err := r.CopyFromContainer(ctx, c.ID, folder)
	if err != nil {
		return fmt.Errorf("reading %q of container %q: %w", folder, c.Name, err)
	}
	defer archive.Close()
	if err := Clean(io.LimitReader(archive, limit), w, path.Base(folder)); err != nil {
		return fmt.Errorf("reading %q of container %q: %w", folder, c.Name, err)
	}
	return nil
}

// Write writes the files of a tar, as Read makes it, into a folder.
func Write(ctx context.Context, w Writer, c observe.Container, folder string, archive io.Reader) error {
	return Stream(ctx, w, c, folder, func(out io.Writer) error { return Clean(archive, out, "") })
}

// Stream writes a tar into a folder while it is made.
func Stream(ctx context.Context, w Writer, c observe.Container, folder string, write func(io.Writer) error) error {
	r, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := write(out)
		_ = out.CloseWithError(err)
		done <- err
	}()
	err := w.CopyToContainer(ctx, c.ID, folder, r, container.CopyToContainerOptions{})
	_ = r.CloseWithError(errors.New("the engine takes no more"))
	if written := <-done; written != nil && (err == nil || !errors.Is(written, io.ErrClosedPipe)) {
		err = errors.Join(written, err)
	}
	if err != nil {
		return fmt.Errorf("writing to %q of container %q: %w", folder, c.Name, err)
	}
	return nil
}

// Clean copies a tar, and refuses what is no file, folder or link within its folder. Names lose the prefix.
func Clean(archive io.Reader, w io.Writer, prefix string) error {
	in, out := tar.NewReader(archive), tar.NewWriter(w)
	for n := 0; ; n++ {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil {
			return err
		}
		if n == maxFiles {
			return fmt.Errorf("there are more than %d files", maxFiles)
		}
		name := strings.TrimSuffix(header.Name, "/")
		if prefix != "" {
			name = strings.TrimPrefix(strings.TrimPrefix(name, prefix), "/")
		}
		if name == "" { // the folder itself
			continue
		}
		clean, err := cleaned(header, name)
		if err != nil {
			return err
		}
		if err := out.WriteHeader(clean); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}

func cleaned(header *tar.Header, name string) (*tar.Header, error) {
	if !fs.ValidPath(name) || name == "." || strings.ContainsRune(name, '\\') {
		return nil, fmt.Errorf("%q is no name of a file in a folder", name)
	}
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse") {
			return nil, fmt.Errorf("%q is sparse", name)
		}
	}
	clean := &tar.Header{Name: name, Typeflag: header.Typeflag, Mode: header.Mode & 0o777, Uid: header.Uid, Gid: header.Gid, ModTime: header.ModTime.Truncate(time.Second)}
	switch header.Typeflag {
	case tar.TypeReg:
		clean.Size = header.Size
	case tar.TypeDir:
		clean.Name += "/"
	case tar.TypeSymlink:
		if target := path.Join(path.Dir(name), header.Linkname); path.IsAbs(header.Linkname) || !fs.ValidPath(target) {
			return nil, fmt.Errorf("%q is a link to %q, outside of the folder", name, header.Linkname)
		}
		clean.Linkname = header.Linkname
	default:
		return nil, fmt.Errorf("%q is neither a file nor a folder nor a link", name)
	}
	return clean, nil
}

// Owner returns the numeric user and group that a container runs as, or 0 and 0 if it begins as root or its image knows the name.
func Owner(ctx context.Context, r observe.Reader, c observe.Container) (uid, gid int, err error) {
	info, err := r.ContainerInspect(ctx, c.ID)
	if err != nil {
		return 0, 0, fmt.Errorf("inspecting container %q: %w", c.Name, err)
	}
	user, group, _ := strings.Cut(info.Config.User, ":")
	if uid, err = strconv.Atoi(user); err != nil {
		return 0, 0, nil //nolint:nilerr // a name: the image's entrypoint gives the files to it
	}
	gid, _ = strconv.Atoi(group)
	return uid, gid, nil
}
