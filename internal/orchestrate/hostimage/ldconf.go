package hostimage

import (
	"bufio"
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// confDepth bounds nested includes of ld.so.conf, which may include each other.
const confDepth = 8

// ldConfDirs returns the library directories of ld.so.conf, in its order. A host without the file (musl) has none.
func ldConfDirs(host string) []string {
	return readLdConf(host, "/etc/ld.so.conf", confDepth)
}

func readLdConf(host, name string, depth int) []string {
	content, err := os.ReadFile(filepath.Join(host, name))
	if err != nil || depth == 0 {
		return nil
	}
	var dirs []string
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case fields[0] == "include":
			for _, pattern := range fields[1:] {
				dirs = append(dirs, includeLdConf(host, name, pattern, depth)...)
			}
		case path.IsAbs(fields[0]):
			dirs = append(dirs, path.Clean(fields[0]))
		}
	}
	return dirs
}

// includeLdConf reads the files of an include line; a relative pattern is relative to the directory of the including file.
func includeLdConf(host, from, pattern string, depth int) []string {
	if !path.IsAbs(pattern) {
		pattern = path.Join(path.Dir(from), pattern)
	}
	names, err := filepath.Glob(filepath.Join(host, pattern))
	if err != nil {
		return nil
	}
	var dirs []string
	for _, name := range names {
		rel, err := filepath.Rel(host, name)
		if err == nil {
			dirs = append(dirs, readLdConf(host, "/"+rel, depth-1)...)
		}
	}
	return dirs
}
