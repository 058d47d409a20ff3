//go:build unix

package lock_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/lock"
)

// lockAt takes a lock where only the given folders can be chosen; it may not hang.
func lockAt(t *testing.T, runtime, temporary string) (unlock func(), err error) {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", runtime)
	t.Setenv("TMPDIR", temporary)
	t.Setenv("XDG_CACHE_HOME", "/dev/null") // no folder can be made there
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		unlock, err = lock.Acquire(t.Context(), "unix:///e", "p", func() {})
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("taking the lock hangs")
	}
	if err == nil {
		t.Cleanup(unlock)
	}
	return unlock, err
}

func TestLocksStandInTheUsersOwnFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := lockAt(t, dir, "/nowhere"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "stackctl"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info, err)
	}
}

// What another user has put where our folder would stand is neither used nor opened.
func TestAForeignLockFolderIsNotUsed(t *testing.T) {
	if _, err := os.Stat(filepath.Join("/run/user", strconv.Itoa(os.Getuid()))); err == nil {
		t.Skip("the user has a runtime folder, which comes first")
	}
	target := filepath.Join(t.TempDir(), "target")
	for want, prepare := range map[string]func(dir string) error{
		"mode is 0777":       func(dir string) error { return os.Mkdir(dir, 0o777) },
		"mode is 0770":       func(dir string) error { return os.Mkdir(dir, 0o770) },
		"is a symbolic link": func(dir string) error { return os.Symlink(t.TempDir(), dir) },
		"is a named pipe":    func(dir string) error { return syscall.Mkfifo(dir, 0o600) },
		"is a file":          func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
		"another user": func(dir string) error {
			if os.Getuid() != 0 {
				return nil
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
			return os.Chown(dir, 12345, 12345)
		},
	} {
		t.Run(want, func(t *testing.T) {
			if want == "another user" && os.Getuid() != 0 {
				t.Skip("needs root")
			}
			old := syscall.Umask(0)
			temporary := t.TempDir()
			dir := filepath.Join(temporary, "stackctl-"+strconv.Itoa(os.Getuid()))
			err := prepare(dir)
			syscall.Umask(old)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := lockAt(t, "", temporary); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "set XDG_RUNTIME_DIR") {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
	for want, prepare := range map[string]func(path string) error{
		"is a symbolic link": func(path string) error { return os.Symlink(target, path) },
		"is a named pipe":    func(path string) error { return syscall.Mkfifo(path, 0o666) },
	} {
		t.Run("the file "+want, func(t *testing.T) {
			dir := t.TempDir()
			if unlock, err := lockAt(t, dir, "/nowhere"); err != nil {
				t.Fatal(err)
			} else {
				unlock()
			}
			locks, err := filepath.Glob(filepath.Join(dir, "stackctl", "p-*.lock"))
			if err != nil || len(locks) != 1 {
				t.Fatalf("%v, %v", locks, err)
			}
			if err := os.Remove(locks[0]); err != nil {
				t.Fatal(err)
			}
			if err := prepare(locks[0]); err != nil {
				t.Fatal(err)
			}
			if _, err := lockAt(t, dir, "/nowhere"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if _, err := os.Lstat(target); err == nil {
				t.Errorf("%q was made", target)
			}
		})
	}
}
