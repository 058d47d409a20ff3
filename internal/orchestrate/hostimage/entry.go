package hostimage

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

type kind int

const (
	kindDir kind = iota + 1
	kindFile
	kindSymlink
)

// entry is one name in the image.
type entry struct {
	name     string // without leading slash
	kind     kind
	mode     int64
	uid, gid int
	link     string // target of a symlink
	body     string // content of a generated file
	source   string // path on the host of a copied file; "" for a generated one
	size     int64  // bytes
}

// add adds e and its parent directories.
func (r *Rootfs) add(e entry) {
	e.name = strings.TrimPrefix(path.Clean("/"+e.name), "/")
	if parent := path.Dir(e.name); parent != "." {
		if _, there := r.entries[parent]; !there {
			r.addDir(Dir{Path: parent})
		}
	}
	r.entries[e.name] = e
}

func (r *Rootfs) addDir(d Dir) {
	mode := int64(d.Mode.Perm())
	if d.Mode&fs.ModeSticky != 0 {
		mode |= 0o1000
	}
	if mode == 0 {
		mode = 0o755
	}
	r.add(entry{name: canonical(d.Path), kind: kindDir, mode: mode, uid: d.UID, gid: d.GID})
}

func (r *Rootfs) addText(name, body string) {
	r.add(entry{name: name, kind: kindFile, mode: 0o644, body: body, size: int64(len(body))})
}

// addFile adds a file of the host, with a fixed owner and mode: the host's umask and setuid bits must not affect the image.
func (r *Rootfs) addFile(f file) error {
	info, err := os.Stat(f.source)
	if err != nil {
		return fmt.Errorf("adding %q to the image: %w", f.target, err)
	}
	mode := int64(0o644)
	if f.executable {
		mode = 0o755
	}
	// A program can also be a library of another one: an executable file stays executable.
	if old, there := r.entries[strings.TrimPrefix(f.target, "/")]; there {
		mode |= old.mode
	}
	r.add(entry{name: f.target, kind: kindFile, mode: mode, source: f.source, size: info.Size()})
	return nil
}

// WriteTo writes the image's tar, sorted by name and without times, so that the same files give the same bytes. It returns the number of
// bytes written.
func (r *Rootfs) WriteTo(w io.Writer) (int64, error) {
	counted := &countingWriter{w: w}
	tw := tar.NewWriter(counted)
	for _, name := range slices.Sorted(maps.Keys(r.entries)) {
		if err := r.entries[name].writeTo(tw); err != nil {
			return counted.n, fmt.Errorf("writing %q to the image: %w", "/"+name, err)
		}
	}
	if err := tw.Close(); err != nil {
		return counted.n, fmt.Errorf("closing the image's tar: %w", err)
	}
	return counted.n, nil
}

func (e entry) writeTo(tw *tar.Writer) error {
	header := tar.Header{Name: e.name, Mode: e.mode, Uid: e.uid, Gid: e.gid, ModTime: time.Unix(0, 0)}
	switch e.kind {
	case kindDir:
		header.Typeflag, header.Name = tar.TypeDir, e.name+"/"
	case kindSymlink:
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
	case kindFile:
		header.Typeflag, header.Size = tar.TypeReg, e.size
	}
	if err := tw.WriteHeader(&header); err != nil || e.kind != kindFile {
		return err
	}
	if e.source == "" {
		_, err := io.WriteString(tw, e.body)
		return err
	}
	return e.copySource(tw)
}

func (e entry) copySource(tw *tar.Writer) (err error) {
	src, err := os.Open(e.source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	n, err := io.Copy(tw, src)
	if err == nil && n != e.size {
		err = fmt.Errorf("copying %q: it has %d bytes and had %d; run the command again", e.source, n, e.size)
	}
	return err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
