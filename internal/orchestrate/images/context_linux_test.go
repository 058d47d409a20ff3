package images

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A file that cannot be read ends a build, and one that is not sent does not: without, the image would lack it.
func TestFilesOfABuildThatCannotBeRead(t *testing.T) {
	for name, tt := range map[string]struct{ ignore, want string }{
		"sent":     {"", "app/secret: permission denied"},
		"not sent": {"secret\n", ""},
		"one of":   {"*\n!secret\n", "app/secret: permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"project/app/Dockerfile": "FROM scratch\n", "project/app/.dockerignore": tt.ignore, "project/app/secret": "x"}
			s := load(t, "services: {a: {build: ./app}}", files)
			dir := s.Project.Services["a"].Build.Context
			for path := dir; path != filepath.Dir(path) && path != os.TempDir(); path = filepath.Dir(path) {
				if err := os.Chmod(path, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for name, mode := range map[string]os.FileMode{"Dockerfile": 0o644, ".dockerignore": 0o644, "secret": 0} {
				if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
					t.Fatal(err)
				}
			}
			ignored, err := dockerignore(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			asNobody(t, func() { err = checkReadable(dir, append(ignored, "!Dockerfile")) })
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// asNobody does something without root's right to read all files.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	runtime.LockOSThread() // the user of files is one of the thread
	defer runtime.UnlockOSThread()
	if _, err := unix.SetfsuidRetUid(65534); err != nil {
		t.Fatal(err)
	}
	do()
	if _, err := unix.SetfsuidRetUid(0); err != nil {
		t.Fatal(err)
	}
}
