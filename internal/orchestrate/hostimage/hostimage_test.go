//go:build linux

package hostimage

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// find looks only in the roots: what the host has plays no part, except for its libraries where roots end with "/".
func find(t *testing.T, spec Spec, roots ...string) *Rootfs {
	t.Helper()
	last := len(roots) - 1
	r, err := newFinder(roots[:last], roots[last], "").find(spec)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func writeTar(t *testing.T, r *Rootfs) []byte {
	t.Helper()
	var buf bytes.Buffer
	n, err := r.WriteTo(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(buf.Len()) {
		t.Errorf("WriteTo returned %d for %d bytes", n, buf.Len())
	}
	return buf.Bytes()
}

func headers(t *testing.T, content []byte) map[string]*tar.Header {
	t.Helper()
	found := map[string]*tar.Header{}
	for r := tar.NewReader(bytes.NewReader(content)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if found[h.Name] != nil {
			t.Errorf("%q is in the tar twice", h.Name)
		}
		found[h.Name] = h
	}
}

// unpack writes a tar's contents below dir.
func unpack(t *testing.T, content []byte, dir string) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(content)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(name, 0o755)
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, name)
		default:
			var body []byte
			if body, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(name, body, h.FileInfo().Mode())
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// install copies a program of the host into a root under a name, with bytes appended, which the loader ignores.
func install(t *testing.T, root, name, program, tail string) {
	t.Helper()
	source, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("this host has no %s", program)
	}
	body, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	put(t, root, name, string(body)+tail)
}

func put(t *testing.T, root, name, body string) {
	t.Helper()
	full := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(body), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestProgramsRunInTheImage(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("chroot needs root")
	}
	r, err := Find(Spec{Programs: []string{"bash", "ls", "tar"}, Users: []User{{Name: "redis", UID: 999, GID: 998}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	unpack(t, writeTar(t, r), dir)
	for _, args := range [][]string{
		{"/bin/bash", "-c", "/bin/tar --version && /bin/ls /usr"},
		// The user's name comes through libc's name services and /etc/passwd.
		{"/bin/bash", "-c", "echo ~redis && /bin/tar --owner=redis --numeric-owner -c -f /dev/null -C / etc 2>/dev/null || true"},
	} {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
		cmd.Dir, cmd.Env = "/", []string{}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
}

func TestImageHoldsWhatTheLoaderWants(t *testing.T) {
	r, err := Find(Spec{
		Programs: []string{"bash"},
		Dirs:     []Dir{{Path: "/data", UID: 999, GID: 999, Mode: 0o700}},
		Users:    []User{{Name: "redis", UID: 999, GID: 999}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := readObject(r.found["bash"].file.source)
	if err != nil {
		t.Fatal(err)
	}
	got := headers(t, writeTar(t, r))
	for name, h := range got {
		if h.Mode&0o6000 != 0 {
			t.Errorf("%s has mode %o", name, h.Mode)
		}
	}
	if h := got[strings.TrimPrefix(canonical(o.interp), "/")]; h == nil || h.Mode != 0o755 {
		t.Errorf("interpreter %s: %+v", o.interp, h)
	}
	if h := got["data/"]; h == nil || h.Uid != 999 || h.Gid != 999 || h.Mode != 0o700 {
		t.Errorf("/data: %+v", h)
	}
	if h := got["tmp/"]; h == nil || h.Mode != 0o1777 {
		t.Errorf("/tmp: %+v", h)
	}
	for _, link := range []string{"bin", "lib", "lib64", "sbin"} {
		if h := got[link]; h == nil || h.Typeflag != tar.TypeSymlink || h.Linkname != "usr/"+link || got["usr/"+link+"/"] == nil {
			t.Errorf("/%s is no link to an existing /usr/%s", link, link)
		}
	}
}

func TestSameFilesGiveTheSameBytes(t *testing.T) {
	spec := Spec{Programs: []string{"ls", "bash"}, Dirs: []Dir{{Path: "/data"}}}
	one, err := Find(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Find(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := writeTar(t, one)
	if !bytes.Equal(first, writeTar(t, two)) || !bytes.Equal(first, writeTar(t, one)) {
		t.Error("tars differ")
	}
	for name, h := range headers(t, first) {
		if !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s has time %s", name, h.ModTime)
		}
	}
}

func TestMissingProgram(t *testing.T) {
	_, err := Find(Spec{Programs: []string{"no-such-program"}}, []string{"/nowhere"})
	var missing *MissingError
	if !errors.As(err, &missing) || missing.Program != "no-such-program" {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "scripts/host-programs") {
		t.Errorf("no next step in %q", err)
	}
	if packageOf("redis-cli") != "redis-tools" {
		t.Error("redis-cli is in redis-tools")
	}
}

func TestScriptsAndLinksToNowhereAreNoPrograms(t *testing.T) {
	root := t.TempDir()
	put(t, root, "usr/local/bin/tool", "#!/bin/sh\n")
	if err := os.Symlink("/nowhere", filepath.Join(root, "usr/local/bin/other")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tool", "other", "", "../tool"} {
		if r, err := newFinder(nil, root, "").find(Spec{Programs: []string{name}}); err == nil {
			t.Errorf("%q was found: %v", name, slices.Sorted(maps.Keys(r.entries)))
		}
	}
}

func TestBusyboxStandsIn(t *testing.T) {
	root := t.TempDir()
	install(t, root, "usr/bin/busybox", "ls", "\x00vi\x00wget\x00which\x00")
	r := find(t, Spec{Programs: []string{"wget"}}, root, "/")
	got := headers(t, writeTar(t, r))
	if h := got["usr/bin/wget"]; h == nil || h.Linkname != "/usr/bin/busybox" {
		t.Errorf("wget: %+v", h)
	}
	if got["usr/bin/busybox"] == nil {
		t.Error("no busybox")
	}
	if _, err := newFinder(nil, root, "").find(Spec{Programs: []string{"redis-server"}}); err == nil {
		t.Error("busybox stood in for redis-server")
	}
}

func TestRootsComeBeforeTheHost(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	install(t, first, "usr/bin/ls", "bash", "")
	install(t, second, "usr/bin/ls", "bash", "")
	r := find(t, Spec{Programs: []string{"ls"}}, first, second, "/")
	if e := r.entries["usr/bin/ls"]; e.source != filepath.Join(first, "usr/bin/ls") {
		t.Errorf("ls comes from %s", e.source)
	}
	for name, e := range r.entries {
		if strings.HasPrefix(e.link, first) || strings.Contains(name, filepath.Base(first)) {
			t.Errorf("the root's own path is in the image: %s %s", name, e.link)
		}
	}
}

func TestLinkedProgramIsFollowed(t *testing.T) {
	root := t.TempDir()
	install(t, root, "usr/lib/tool/real", "ls", "")
	if err := os.MkdirAll(filepath.Join(root, "etc/alternatives"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"usr/bin/tool": "/etc/alternatives/tool", "etc/alternatives/tool": "../../usr/lib/tool/real"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	r := find(t, Spec{Programs: []string{"tool"}}, root, "/")
	if e := r.entries["usr/bin/tool"]; e.kind != kindFile || e.source != filepath.Join(root, "usr/lib/tool/real") {
		t.Errorf("got %+v", e)
	}
}

func TestVersion(t *testing.T) {
	root := t.TempDir()
	install(t, root, "usr/bin/redis-cli", "ls", "")
	install(t, root, "usr/bin/other", "ls", "")
	put(t, root, "var/lib/dpkg/info/redis-tools.list", "/.\n/usr\n/usr/bin\n/usr/bin/redis-cli\n")
	put(t, root, "var/lib/dpkg/status", "Package: a\nVersion: 1\n\nPackage: redis-tools\nVersion: 5:7.0.15-1~deb12u10\nArchitecture: amd64\n")
	r := find(t, Spec{Programs: []string{"redis-cli", "other"}}, root, "/")
	if got := r.Version("redis-cli"); got != "7.0.15" {
		t.Errorf("redis-cli is %q", got)
	}
	if got := r.Version("other"); len(got) != digestLength {
		t.Errorf("other is %q", got)
	}
	if got := r.Version("absent"); got != "" {
		t.Errorf("absent is %q", got)
	}
	for version, want := range map[string]string{"1.22.1-9+deb12u11": "1.22.1", "1:1.35.0~rc1-4": "1.35.0-rc1", "3": "3"} {
		if got := upstreamVersion(version); got != want {
			t.Errorf("upstreamVersion(%q) = %q, want %q", version, got, want)
		}
	}
}

func TestLdConf(t *testing.T) {
	root := t.TempDir()
	put(t, root, "etc/ld.so.conf", "# first\n/opt/a/lib # why\ninclude ld.so.conf.d/*.conf\n")
	put(t, root, "etc/ld.so.conf.d/b.conf", "/opt/b/lib\ninclude /etc/ld.so.conf\n")
	got := strings.Join(ldConfDirs(root)[:2], " ")
	if got != "/opt/a/lib /opt/b/lib" {
		t.Errorf("got %s", got)
	}
}

func TestOriginMovesWithTheProgram(t *testing.T) {
	got := expand([]string{"$ORIGIN/../lib", "/opt/lib", "$LIB/x", "rel"}, file{source: "/home/me/tool/bin/x", target: "/usr/local/bin/x"})
	want := []searchDir{{image: "/usr/local/lib", source: "/home/me/tool/lib"}, {image: "/opt/lib"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v", got)
	}
}
