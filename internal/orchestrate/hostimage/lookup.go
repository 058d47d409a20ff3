package hostimage

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// finder looks files up by their path in the image.
type finder struct {
	roots    []string // tried in order; the last one is the host
	path     []string // absolute directories of PATH, for the host only
	confDirs []string // directories of the host's ld.so.conf
	machine  elf.Machine
}

// file is an ELF file of the host.
type file struct {
	source     string // path on this host, links followed
	target     string // path in the image
	executable bool
}

// linkHops bounds a chain of symbolic links, to the kernel's limit.
const linkHops = 40

var (
	binDirs     = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
	goarchToELF = map[string]elf.Machine{
		"386": elf.EM_386, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM, "arm64": elf.EM_AARCH64, "loong64": elf.EM_LOONGARCH,
		"ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
	}
)

func newFinder(roots []string, host, pathEnv string) *finder {
	f := &finder{roots: append(slices.Clone(roots), host), confDirs: ldConfDirs(host), machine: goarchToELF[runtime.GOARCH]}
	for _, dir := range filepath.SplitList(pathEnv) {
		if filepath.IsAbs(dir) {
			f.path = append(f.path, filepath.Clean(dir))
		}
	}
	return f
}

// packagedDirs have programs of packages that keep several versions side by side; the newest one counts.
var packagedDirs = []string{"/usr/lib/postgresql/*/bin"}

// packaged lists those of a root, the newest version first.
func packaged(root string) (dirs []string) {
	for _, pattern := range packagedDirs {
		found, _ := filepath.Glob(filepath.Join(root, pattern)) // the pattern is well formed
		slices.SortFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(b, a)) })
		for _, dir := range found {
			dirs = append(dirs, inRoot(root, dir))
		}
	}
	return dirs
}

// inRoot returns the path that a file has in a root.
func inRoot(root, source string) string {
	return "/" + strings.TrimLeft(strings.TrimPrefix(source, strings.TrimRight(root, "/")), "/")
}

// program finds a program by name, or a busybox that includes it. Each root is searched for both before the next one:
// scripts/host-programs puts a busybox there, which has a tenth of the size of the host's wget with its libraries.
func (f *finder) program(name string) (program, error) {
	if name == "" || strings.ContainsRune(name, '/') {
		return program{}, fmt.Errorf("finding %q on this host: use a program's name without a directory", name)
	}
	for i := range f.roots {
		if found := f.candidates(i, name); len(found) > 0 {
			return found[0], nil
		}
		if p, ok := f.applet(i, name); ok {
			return p, nil
		}
	}
	return program{}, &MissingError{Program: name, Package: packageOf(name), Searched: f.searched()}
}

// applet finds a busybox that includes the program. A static one is preferred, because it needs no libraries.
func (f *finder) applet(root int, name string) (program, bool) {
	var best program
	for _, box := range f.candidates(root, "busybox") {
		// busybox has the names of its applets as NUL-terminated strings (applet_names in its applet_tables.h).
		content, err := os.ReadFile(box.file.source)
		if err != nil || !bytes.Contains(content, []byte("\x00"+name+"\x00")) {
			continue
		}
		o, err := readObject(box.file.source)
		static := err == nil && o.interp == ""
		if best.name == "" || static {
			best = box
			best.name = "/usr/bin/" + name
		}
		if static {
			break
		}
	}
	return best, best.name != ""
}

// candidates returns all ELF programs of that name in a root, in search order. Scripts and files of another architecture are skipped:
// another directory may have the program itself.
func (f *finder) candidates(index int, name string) []program {
	root, dirs := f.roots[index], binDirs
	if index == len(f.roots)-1 {
		dirs = slices.Concat(f.path, binDirs)
	}
	special := packaged(root)
	var found []program
	for _, dir := range slices.Concat(dirs, special) {
		source, ok := f.follow(root, path.Join(dir, name))
		if !ok {
			continue
		}
		if o, err := readObject(source); err != nil || !o.matches(f.machine) {
			continue
		}
		target := path.Join(imageBinDir(dir), name)
		p := program{file: file{source: source, target: target, executable: true}, name: target, root: root, under: path.Join(dir, name)}
		if real := inRoot(root, source); slices.Contains(special, path.Dir(real)) {
			// It finds its files by the folder that it is in, and is found by a link on the PATH.
			p.file.target, p.name, p.under = real, "/usr/bin/"+name, real
		}
		found = append(found, p)
	}
	return found
}

// imageBinDir returns the directory of a program in the image: its own if the image's PATH has it.
func imageBinDir(dir string) string {
	if slices.Contains(binDirs, dir) {
		return canonical(dir)
	}
	return "/usr/local/bin"
}

func (f *finder) searched() []string {
	dirs := slices.Clone(f.roots[:len(f.roots)-1])
	if len(f.path) > 0 {
		dirs = append(dirs, "PATH")
	}
	return append(dirs, "/usr/local/sbin", "/usr/sbin", "/sbin")
}

// locate returns the file for an image path, from the first root that has it.
func (f *finder) locate(name string) (string, bool) {
	for _, root := range f.roots {
		if source, ok := f.follow(root, name); ok {
			return source, true
		}
	}
	return "", false
}

// follow resolves an image path in one root to a regular file. An absolute link in a root (as in /etc/alternatives) is a path in the
// image, so it is looked up in the root before the host.
func (f *finder) follow(root, name string) (string, bool) {
	for range linkHops {
		source := filepath.Join(root, name)
		info, err := os.Lstat(source)
		switch {
		case err != nil:
			return "", false
		case info.Mode().IsRegular():
			return source, true
		case info.Mode().Type() != fs.ModeSymlink:
			return "", false
		}
		link, err := os.Readlink(source)
		if err != nil {
			return "", false
		}
		if !path.IsAbs(link) {
			link = path.Join(path.Dir(name), link)
		}
		name = link
		if _, err := os.Lstat(filepath.Join(root, name)); err != nil {
			root = f.roots[len(f.roots)-1]
		}
	}
	return "", false
}
