package hostimage

import (
	"fmt"
	"strings"
)

// MissingError says that a program, or a file by its path, is neither on this host nor in any of the roots.
type MissingError struct {
	Program  string
	Package  string   // the Debian package that contains it
	Searched []string // directories
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("finding %q on this host: not in %s; install the Debian package %q or run scripts/host-programs",
		e.Program, strings.Join(e.Searched, ", "), e.Package)
}

// packageOf returns the Debian package to install for a program.
func packageOf(program string) string {
	switch program {
	case "redis-cli":
		return "redis-tools"
	case "wget", "busybox":
		return "busybox-static"
	case "postgres", "initdb", "pg_dump", "pg_restore", "pg_isready", "psql":
		return "postgresql"
	default:
		return program
	}
}
