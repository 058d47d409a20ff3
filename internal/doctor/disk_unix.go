//go:build unix

package doctor

import "golang.org/x/sys/unix"

// freeSpace returns the number of free bytes on a folder's file system.
func freeSpace(path string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return 0, err
	}
	return uint64(stat.Bavail) * uint64(stat.Bsize), nil // the types differ between systems
}
