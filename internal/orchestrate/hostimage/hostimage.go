// Package hostimage makes a root filesystem from programs installed on this host, so that a stack runs without an image registry.
//
// Such an image contains a program, its shared libraries and the few files that glibc needs: no shell and no package manager. The
// libraries are found by reading ELF headers; nothing is executed.
package hostimage

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// Spec says what an image contains.
type Spec struct {
	// Programs are looked up by name in the roots, on PATH and in the sbin directories; their shared libraries are added.
	Programs []string
	// Files are patterns of absolute paths, such as /usr/share/postgresql/*: files, and folders with all that is in them. The first root
	// that has one counts. A pattern that begins with "!" leaves out what it matches.
	Files []string
	// Dirs are created, in addition to the parents of the files and /tmp.
	Dirs []Dir
	// Users are written to /etc/passwd and /etc/group, after root.
	Users []User
}

// Dir is a directory of the image.
type Dir struct {
	Path     string // absolute
	UID, GID int
	Mode     fs.FileMode // permission bits; zero means 0755
}

// User is an account of the image, with a group of the same name.
type User struct {
	Name     string
	UID, GID int
}

// Rootfs is a root filesystem that can be written as a tar any number of times.
type Rootfs struct {
	entries map[string]entry // by path in the image, without the leading slash
	found   map[string]program
}

// program is where a program of the Spec was found.
type program struct {
	file file   // the ELF file, links followed
	name string // its path in the image: that of the file, or of the link to busybox
	// root and under are where it was found, for finding its package.
	root, under string
}

// Find looks up the programs of spec with all their libraries, first in roots (directories with unpacked packages) and then on the host.
// It reads only ELF headers. If a program is missing, the error is a *MissingError.
func Find(spec Spec, roots []string) (*Rootfs, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("finding %s on this host: images for Linux can't be made from the programs of %s; use a registry or `images load`",
			strings.Join(spec.Programs, ", "), runtime.GOOS)
	}
	f := newFinder(roots, "/", os.Getenv("PATH"))
	return f.find(spec)
}

// Binary returns a root filesystem with one executable of this host, at target in the image, and its shared libraries.
func Binary(path, target string) (*Rootfs, error) {
	source, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	files, err := newFinder(nil, "/", "").closure(file{source: source, target: target, executable: true})
	if err != nil {
		return nil, err
	}
	r := &Rootfs{entries: map[string]entry{}}
	r.addSkeleton(Spec{})
	for _, f := range files {
		if err := r.addFile(f); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (f *finder) find(spec Spec) (*Rootfs, error) {
	r := &Rootfs{entries: map[string]entry{}, found: map[string]program{}}
	r.addSkeleton(spec)
	for _, name := range spec.Programs {
		p, err := f.program(name)
		if err != nil {
			return nil, err
		}
		files, err := f.closure(p.file)
		if err != nil {
			return nil, fmt.Errorf("finding the libraries of %q: %w", name, err)
		}
		for _, lib := range files {
			if err := r.addFile(lib); err != nil {
				return nil, err
			}
		}
		if p.name != p.file.target {
			r.add(entry{name: p.name, kind: kindSymlink, mode: 0o777, link: p.file.target})
		}
		r.found[name] = p
	}
	if err := f.addFiles(r, spec); err != nil {
		return nil, err
	}
	return r, nil
}

// addSkeleton adds the files that an image needs besides its programs.
func (r *Rootfs) addSkeleton(spec Spec) {
	// The layout is usr-merged regardless of the host's, so that /lib64/ld-linux-x86-64.so.2, the path of the interpreter in every
	// program, and a library path such as /lib/x86_64-linux-gnu both lead to the one copy below /usr.
	for _, dir := range mergedDirs {
		r.addDir(Dir{Path: "/usr" + dir})
		r.add(entry{name: dir, kind: kindSymlink, mode: 0o777, link: "usr" + dir})
	}
	r.addDir(Dir{Path: "/tmp", Mode: 0o777 | fs.ModeSticky})
	for _, dir := range spec.Dirs {
		r.addDir(dir)
	}
	passwd, group := "root:x:0:0:root:/root:/usr/sbin/nologin\n", "root:x:0:\n"
	for _, u := range spec.Users {
		passwd += fmt.Sprintf("%s:x:%d:%d::/:/usr/sbin/nologin\n", u.Name, u.UID, u.GID)
		group += fmt.Sprintf("%s:x:%d:\n", u.Name, u.GID)
	}
	r.addText("/etc/passwd", passwd)
	r.addText("/etc/group", group)
	// Without it glibc tries nis and other services first, whose libraries are not in the image.
	r.addText("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
}

// mergedDirs are the directories that are links into /usr on a usr-merged system.
var mergedDirs = []string{"/bin", "/lib", "/lib64", "/sbin"}

// canonical returns the path below /usr for a path that leads there on a usr-merged system.
func canonical(name string) string {
	name = path.Clean("/" + name)
	for _, dir := range mergedDirs {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return "/usr" + name
		}
	}
	return name
}
