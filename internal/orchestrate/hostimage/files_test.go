//go:build linux

package hostimage

import (
	"os"
	"os/exec"
	"testing"
)

// What a package has in a folder for each version is found there, and the newest one counts.
func TestFilesAndVersionedPrograms(t *testing.T) {
	root := t.TempDir()
	install(t, root, "usr/lib/postgresql/9/bin/initdb", "true", "")
	install(t, root, "usr/lib/postgresql/15/bin/initdb", "true", "")
	put(t, root, "usr/share/postgresql/15/postgres.bki", "bki")
	put(t, root, "usr/share/postgresql/15/man/page", "page")
	put(t, root, "usr/share/postgresql/15/timezonesets/Default", "zones")
	if err := os.Symlink("/nowhere", root+"/usr/share/postgresql/15/dangling"); err != nil {
		t.Fatal(err)
	}
	r := find(t, Spec{Programs: []string{"initdb"}, Files: []string{"/usr/share/postgresql/*", "!/usr/share/postgresql/*/man"}}, root, "/")
	got := headers(t, writeTar(t, r))
	for _, name := range []string{"usr/lib/postgresql/15/bin/initdb", "usr/share/postgresql/15/postgres.bki", "usr/share/postgresql/15/timezonesets/Default"} {
		if got[name] == nil {
			t.Errorf("the image lacks %s", name)
		}
	}
	if h := got["usr/bin/initdb"]; h == nil || h.Linkname != "/usr/lib/postgresql/15/bin/initdb" {
		t.Errorf("the program is not on the PATH: %+v", h)
	}
	for _, name := range []string{"usr/share/postgresql/15/man/page", "usr/share/postgresql/15/dangling", "usr/lib/postgresql/9/bin/initdb"} {
		if got[name] != nil {
			t.Errorf("the image has %s", name)
		}
	}
}

func TestFilesThatAreMissing(t *testing.T) {
	if _, err := exec.LookPath("true"); err != nil {
		t.Skip("this host has no true")
	}
	for _, pattern := range []string{"/no/such/*", "relative", "/a/../b", "/["} {
		if _, err := Find(Spec{Programs: []string{"true"}, Files: []string{pattern}}, nil); err == nil {
			t.Errorf("%q: no error", pattern)
		}
	}
}
