package console

import "os"

// lock does not lock: a line that is added in the instant in which another process trims the file may be lost.
func lock(*os.File, bool) bool { return true }
