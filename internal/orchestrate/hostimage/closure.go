package hostimage

import (
	"debug/elf"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// libcCompanions are libraries that glibc loads at run time, so that no ELF header names them: the name services for users and hosts, and
// the unwinder for thread cancellation and stack traces.
var libcCompanions = []string{"libnss_files.so.2", "libnss_dns.so.2", "libgcc_s.so.1"}

// triplets are Debian's names of the architectures' library directories (multiarch).
var triplets = map[elf.Machine]string{
	elf.EM_386: "i386-linux-gnu", elf.EM_X86_64: "x86_64-linux-gnu", elf.EM_ARM: "arm-linux-gnueabihf", elf.EM_AARCH64: "aarch64-linux-gnu",
	elf.EM_LOONGARCH: "loongarch64-linux-gnu", elf.EM_PPC64: "powerpc64le-linux-gnu", elf.EM_RISCV: "riscv64-linux-gnu", elf.EM_S390: "s390x-linux-gnu",
}

// walk finds one program's libraries, as its loader will in the image.
type walk struct {
	finder  *finder
	program object
	trusted []string // directories that the loader in the image searches by default
	confDir string   // in the image, for libraries that the host's loader finds through ld.so.conf, which the image lacks
	files   []file
	loaded  map[string]bool // names of DT_NEEDED: a loader loads each once
}

// searchDir is a directory to search for a library.
type searchDir struct {
	image  string // path in the image
	source string // path on this host if it depends on $ORIGIN, otherwise ""
}

// closure returns the program, its interpreter and its libraries.
func (f *finder) closure(start file) ([]file, error) {
	o, err := readObject(start.source)
	if err != nil {
		return nil, err
	}
	w := &walk{finder: f, program: o, trusted: trustedDirs(o.machine), confDir: "/usr/lib", loaded: map[string]bool{}}
	if o.interp != "" {
		source, ok := f.locate(o.interp)
		if !ok {
			return nil, fmt.Errorf("finding the interpreter %q of %q: no such file", o.interp, start.source)
		}
		w.files = append(w.files, file{source: source, target: canonical(o.interp), executable: true})
		// The interpreter is also a library; it must not be added twice.
		w.loaded[path.Base(o.interp)] = true
	}
	if libc, ok := w.inTrusted("libc.so.6"); ok {
		w.confDir = path.Dir(libc.target)
	}
	if err := w.visit(start, o, nil); err != nil {
		return nil, err
	}
	if w.loaded["libc.so.6"] {
		for _, name := range libcCompanions {
			// Not every release of glibc has all of them.
			if lib, ok := w.inTrusted(name); ok && !w.loaded[name] {
				w.loaded[name] = true
				w.files = append(w.files, lib)
			}
		}
	}
	return w.files, nil
}

// trustedDirs returns the directories that ld.so searches by default, on Debian and elsewhere.
func trustedDirs(machine elf.Machine) []string {
	var dirs []string
	if triplet, ok := triplets[machine]; ok {
		dirs = append(dirs, "/lib/"+triplet, "/usr/lib/"+triplet)
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib")
}

// visit adds an object and its libraries, recursively. inherited are the DT_RPATH directories of the objects that led here. The search
// order is that of ld.so(8).
func (w *walk) visit(f file, o object, inherited []searchDir) error {
	w.files = append(w.files, f)
	search := expand(o.runpath, f)
	if len(o.runpath) == 0 {
		inherited = append(expand(o.rpath, f), inherited...)
		search = inherited
	}
	for _, name := range o.needed {
		if w.loaded[name] {
			continue
		}
		lib, ok := w.library(name, search)
		if !ok {
			return fmt.Errorf("finding library %q of %q: not in the directories of ld.so; install the package that contains it", name, f.source)
		}
		w.loaded[name] = true
		lo, err := readObject(lib.source)
		if err != nil {
			return err
		}
		if err := w.visit(lib, lo, inherited); err != nil {
			return err
		}
	}
	return nil
}

// library finds a library by the name in DT_NEEDED.
func (w *walk) library(name string, search []searchDir) (file, bool) {
	if strings.ContainsRune(name, '/') {
		return w.inRoots(path.Clean(name))
	}
	for _, dir := range search {
		image := path.Join(dir.image, name)
		if dir.source != "" {
			if source, ok := w.finder.follow("/", filepath.Join(dir.source, name)); ok && w.fits(source) {
				return file{source: source, target: canonical(image)}, true
			}
		}
		if lib, ok := w.inRoots(image); ok {
			return lib, true
		}
	}
	for _, dir := range w.finder.confDirs {
		if slices.Contains(w.trusted, dir) {
			continue
		}
		if lib, ok := w.inRoots(path.Join(dir, name)); ok {
			lib.target = path.Join(w.confDir, name)
			return lib, true
		}
	}
	return w.inTrusted(name)
}

func (w *walk) inTrusted(name string) (file, bool) {
	for _, root := range w.finder.roots {
		for _, dir := range w.trusted {
			if source, ok := w.finder.follow(root, path.Join(dir, name)); ok && w.fits(source) {
				return file{source: source, target: canonical(path.Join(dir, name))}, true
			}
		}
	}
	return file{}, false
}

func (w *walk) inRoots(image string) (file, bool) {
	for _, root := range w.finder.roots {
		if source, ok := w.finder.follow(root, image); ok && w.fits(source) {
			return file{source: source, target: canonical(image)}, true
		}
	}
	return file{}, false
}

// fits reports whether the program can load a library: loaders skip those of another class or machine.
func (w *walk) fits(source string) bool {
	o, err := readObject(source)
	return err == nil && o.class == w.program.class && o.machine == w.program.machine
}

// expand replaces $ORIGIN in library paths with the object's directory; see ld.so(8), "Dynamic string tokens". Relative paths are
// dropped, and so are those with other tokens ($LIB, $PLATFORM), which depend on the loader.
func expand(dirs []string, f file) []searchDir {
	var expanded []searchDir
	for _, dir := range dirs {
		image := replaceOrigin(dir, path.Dir(f.target))
		if !path.IsAbs(image) || strings.Contains(image, "$") {
			continue
		}
		s := searchDir{image: path.Clean(image)}
		if image != dir {
			s.source = filepath.Clean(replaceOrigin(dir, filepath.Dir(f.source)))
		}
		expanded = append(expanded, s)
	}
	return expanded
}

func replaceOrigin(dir, origin string) string {
	return strings.NewReplacer("${ORIGIN}", origin, "$ORIGIN", origin).Replace(dir)
}
