package console

import "os"

// lock does not lock: a line that is added while another process trims the file may be lost.
func lock(*os.File, bool) bool { return true }
