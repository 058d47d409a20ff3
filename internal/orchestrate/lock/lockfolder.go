package lock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// lockFolder finds the folder of the user's own where locks stand, and makes it. A folder in a place that others can write to was
// perhaps made by them: one that is not the user's alone is never used.
func lockFolder() (string, error) {
	var places []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		places = append(places, filepath.Join(dir, "stackctl"))
	}
	// cron and ssh without a session do not set the variable: they must find the same locks.
	places = append(places, filepath.Join("/run/user", strconv.Itoa(os.Getuid()), "stackctl"))
	if cache, err := os.UserCacheDir(); err == nil {
		dir := filepath.Join(cache, "stackctl")
		_ = os.MkdirAll(dir, 0o700) // a runtime folder that is missing is not ours to make; what fails here fails below
		places = append(places, filepath.Join(dir, "locks"))
	}
	places = append(places, filepath.Join(os.TempDir(), fmt.Sprintf("stackctl-%d", os.Getuid())))
	var reasons []error
	for _, dir := range places {
		err := ownFolder(dir)
		if err == nil {
			return dir, nil
		}
		reasons = append(reasons, err)
	}
	return "", fmt.Errorf("finding a folder for locks: %w; set XDG_RUNTIME_DIR to a folder of your own with mode 0700", errors.Join(reasons...))
}

// ownFolder makes a folder, if need be, and refuses one that others can write to or have made.
func ownFolder(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("checking %q: it is %s, not a folder", dir, kindOf(info.Mode()))
	case !ownedByUser(info):
		return fmt.Errorf("checking %q: it belongs to another user", dir)
	case writableByOthers(info):
		return fmt.Errorf("checking %q: its mode is %#o, others can write to it", dir, info.Mode().Perm())
	}
	return nil
}

// plainFile refuses what is there in place of a file: it is neither followed nor opened, since that may hang.
func plainFile(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("checking %q: it is %s, not a file; remove it", path, kindOf(info.Mode()))
	}
	return nil
}

// kindOf names what is no regular file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
