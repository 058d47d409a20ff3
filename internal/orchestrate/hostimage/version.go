package hostimage

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// digestLength is enough of a digest, in hex digits, to tell the builds of one program apart in an image tag.
const digestLength = 12

// Version returns the upstream version of a program, for the image's tag: that of the Debian package which holds it, without epoch
// and revision. Where no package does, it is the start of the SHA-256 of the program.
func (r *Rootfs) Version(name string) string {
	p, ok := r.found[name]
	if !ok {
		return ""
	}
	if version := packageVersion(p.root, name, p.under); version != "" {
		return version
	}
	return fileDigest(p.file.source)
}

// packageVersion asks the package database below a root, as dpkg lays it out; scripts/host-programs writes the same files.
func packageVersion(root, program, installed string) string {
	info := filepath.Join(root, "var/lib/dpkg/info")
	// Most programs are in a package of their own name. Reading the lists of all packages costs tens of milliseconds.
	var lists []string
	for _, pkg := range slices.Compact([]string{packageOf(program), program}) {
		named, _ := filepath.Glob(filepath.Join(info, pkg+"*.list"))
		lists = append(lists, named...)
	}
	all, _ := filepath.Glob(filepath.Join(info, "*.list"))
	for _, list := range append(lists, all...) {
		if !listHolds(list, installed) {
			continue
		}
		pkg, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(list), ".list"), ":")
		return upstream(statusVersion(filepath.Join(root, "var/lib/dpkg/status"), pkg))
	}
	return ""
}

// listHolds tells whether a package's list of files has the program, under /usr or, from a package older than the merge, outside.
func listHolds(list, installed string) bool {
	content, err := os.ReadFile(list)
	if err != nil {
		return false
	}
	text := "\n" + string(content) + "\n"
	name := canonical(installed)
	return strings.Contains(text, "\n"+name+"\n") || strings.Contains(text, "\n"+strings.TrimPrefix(name, "/usr")+"\n")
}

// statusVersion reads the version of a package from dpkg's status file: stanzas of "Key: value" with an empty line after each.
func statusVersion(status, pkg string) string {
	f, err := os.Open(status)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20) // a package's list of dependencies is one line
	inside := false
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "":
			inside = false
		case line == "Package: "+pkg:
			inside = true
		case inside && strings.HasPrefix(line, "Version: "):
			return strings.TrimPrefix(line, "Version: ")
		}
	}
	return ""
}

// upstream takes the upstream part of a Debian version, [epoch:]upstream[-revision], in the letters that an image tag may have.
func upstream(version string) string {
	if _, rest, ok := strings.Cut(version, ":"); ok {
		version = rest
	}
	if i := strings.LastIndexByte(version, '-'); i > 0 {
		version = version[:i]
	}
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("~+:", c) {
			return '-'
		}
		return c
	}, version)
}

func fileDigest(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))[:digestLength]
}
