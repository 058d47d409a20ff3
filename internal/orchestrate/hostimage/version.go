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

// digestLength is the length of a digest in an image tag, in hex digits: enough to tell the builds of a program apart.
const digestLength = 12

// Version returns the upstream version of a program, for the image's tag: that of the Debian package that contains it, without epoch and
// revision, or, if no package does, the beginning of the program's SHA-256.
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

// packageVersion reads the version from dpkg's database below a root; scripts/host-programs writes the same files.
func packageVersion(root, program, installed string) string {
	info := filepath.Join(root, "var/lib/dpkg/info")
	// Most programs are in a package of the same name. Reading the lists of all packages takes tens of milliseconds.
	var lists []string
	for _, pkg := range slices.Compact([]string{packageOf(program), program}) {
		named, _ := filepath.Glob(filepath.Join(info, pkg+"*.list"))
		lists = append(lists, named...)
	}
	all, _ := filepath.Glob(filepath.Join(info, "*.list"))
	for _, list := range append(lists, all...) {
		if !listContains(list, installed) {
			continue
		}
		pkg, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(list), ".list"), ":")
		return upstreamVersion(statusVersion(filepath.Join(root, "var/lib/dpkg/status"), pkg))
	}
	return ""
}

// listContains reports whether a package's list of files has the program, with or, in a package older than the usr merge, without /usr.
func listContains(list, installed string) bool {
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
	lines.Buffer(nil, 1<<20) // a package's dependencies are one line
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

// upstreamVersion returns the upstream part of a Debian version, [epoch:]upstream[-revision], with characters valid in an image tag.
func upstreamVersion(version string) string {
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
