package lock

import "io/fs"

// On Windows each user has a temporary folder of their own, which others cannot write to.
func ownedByUser(fs.FileInfo) bool      { return true }
func writableByOthers(fs.FileInfo) bool { return false }
