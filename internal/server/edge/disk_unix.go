//go:build unix

package edge

import "golang.org/x/sys/unix"

// sizeOf returns the size of the file system of a path and what is free of it, in bytes.
func sizeOf(path string) (size, free float64, ok bool) {
	var stat unix.Statfs_t
	if unix.Statfs(path, &stat) != nil {
		return 0, 0, false
	}
	block := float64(stat.Bsize)
	return float64(stat.Blocks) * block, float64(stat.Bavail) * block, true
}
