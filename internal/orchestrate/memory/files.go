package memory

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
)

// file is a file of a container.
type file struct {
	content  string
	mode     os.FileMode
	uid, gid int
	modified time.Time
}

// bound is the path in a volume of the container of a file that is mounted from there by itself, else the path as it is.
func (c *box) bound(name string) string {
	for _, bind := range c.host.Binds {
		parts := strings.Split(bind, ":")
		for target, volume := range c.mounts {
			if rest, ok := strings.CutPrefix(parts[0], mountpoint(volume)); ok && parts[1] == name {
				return target + rest
			}
		}
	}
	return name
}

// filesAt returns where the container keeps the file of a path, and whether that is in a volume.
func (e *Engine) filesAt(c *box, name string) (files map[string]file, inVolume bool) {
	deepest := ""
	for target := range c.mounts {
		if (name == target || strings.HasPrefix(name, target+"/")) && len(target) > len(deepest) {
			deepest = target
		}
	}
	if deepest == "" {
		return c.files, false
	}
	return e.volumes[c.mounts[deepest]].files, true
}

// hasDir knows the root, /etc, the directories of the image, those that volumes are mounted on, and those that hold files.
func (e *Engine) hasDir(c *box, dir string) bool {
	known := append([]string{"/", "/etc"}, c.dirs...)
	for target := range c.mounts {
		known = append(known, target)
	}
	for name := range e.allFiles(c) {
		known = append(known, path.Dir(name))
	}
	return slices.ContainsFunc(known, func(k string) bool { return k == dir || strings.HasPrefix(k, strings.TrimSuffix(dir, "/")+"/") })
}

// CopyToContainer unpacks a tar archive in a directory that must exist, and makes those that the archive needs below it.
func (e *Engine) CopyToContainer(ctx context.Context, ref, dir string, content io.Reader, _ container.CopyToContainerOptions) error {
	return e.with(ctx, "CopyToContainer", ref, func(c *box) error {
		if !e.hasDir(c, dir) {
			return notFound("Could not find the file %s in container %s", dir, ref)
		}
		if _, inVolume := e.filesAt(c, dir); !inVolume && c.host.ReadonlyRootfs {
			return internal("container rootfs is marked read-only")
		}
		archive := tar.NewReader(content)
		for {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			data, err := io.ReadAll(archive)
			if err != nil {
				return err
			}
			name := path.Join(dir, header.Name)
			files, _ := e.filesAt(c, name)
			files[name] = file{content: string(data), mode: header.FileInfo().Mode(), uid: header.Uid, gid: header.Gid, modified: header.ModTime}
		}
	})
}

// ContainerStatPath tells about one file.
func (e *Engine) ContainerStatPath(ctx context.Context, ref, name string) (container.PathStat, error) {
	var stat container.PathStat
	err := e.with(ctx, "ContainerStatPath", ref, func(c *box) error {
		files, _ := e.filesAt(c, c.bound(name))
		f, ok := files[c.bound(name)]
		if !ok {
			return notFound("Could not find the file %s in container %s", name, ref)
		}
		stat = container.PathStat{Name: path.Base(name), Size: int64(len(f.content)), Mode: f.mode, Mtime: f.modified}
		return nil
	})
	return stat, err
}

// CopyFromContainer returns one file, or a folder outside of volumes, as a tar archive.
func (e *Engine) CopyFromContainer(ctx context.Context, ref, name string) (io.ReadCloser, container.PathStat, error) {
	if archive := e.folder(ref, name); archive != nil {
		return archive, container.PathStat{Name: path.Base(name), Mode: os.ModeDir | 0o755}, e.with(ctx, "CopyFromContainer", ref, func(*box) error { return nil })
	}
	stat, err := e.ContainerStatPath(ctx, ref, name)
	if err != nil {
		return nil, stat, err
	}
	content := e.File(ref, name)
	r, w := io.Pipe()
	go func() { // ends when the archive is read, or closed
		archive := tar.NewWriter(w)
		err := archive.WriteHeader(&tar.Header{Name: stat.Name, Size: int64(len(content)), Mode: int64(stat.Mode.Perm()), Typeflag: tar.TypeReg, ModTime: stat.Mtime})
		if err == nil {
			_, err = io.WriteString(archive, content)
		}
		w.CloseWithError(errors.Join(err, archive.Close()))
	}()
	return r, stat, nil
}

// folder returns the files below a folder of a container's own as a tar archive, or nil if there are none.
func (e *Engine) folder(ref, dir string) io.ReadCloser {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find(ref)
	if err != nil {
		return nil
	}
	var archive bytes.Buffer
	tw := tar.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		rest, ok := strings.CutPrefix(name, dir+"/")
		if !ok {
			continue
		}
		f := c.files[name]
		_ = tw.WriteHeader(&tar.Header{Name: path.Base(dir) + "/" + rest, Size: int64(len(f.content)), Mode: int64(f.mode.Perm()), Typeflag: tar.TypeReg, ModTime: f.modified}) // memory takes all
		_, _ = io.WriteString(tw, f.content)
	}
	if archive.Len() == 0 {
		return nil
	}
	_ = tw.Close()
	return io.NopCloser(&archive)
}
