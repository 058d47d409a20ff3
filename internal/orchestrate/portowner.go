package orchestrate

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// PortOwner names the process of this machine that listens on the TCP port, such as `process 812 (python3)`. It returns
// "" where that cannot be told: on other systems than Linux, or without the right to look at other users' processes.
func PortOwner(port string) string {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return ""
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		inode := listeningInode(table, number)
		if inode == "" {
			continue
		}
		if owner := processWithSocket(inode); owner != "" {
			return owner
		}
	}
	return ""
}

// listeningInode finds the socket in a table as proc(5) describes it: column 2 is address:port in hex, column 4 the
// state (0A is LISTEN), column 10 the inode.
func listeningInode(table string, port uint64) string {
	f, err := os.Open(table)
	if err != nil {
		return ""
	}
	defer f.Close()
	suffix := fmt.Sprintf(":%04X", port)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		columns := strings.Fields(lines.Text())
		if len(columns) > 9 && strings.HasSuffix(columns[1], suffix) && columns[3] == "0A" {
			return columns[9]
		}
	}
	return ""
}

func processWithSocket(inode string) string {
	want := "socket:[" + inode + "]"
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != want {
			continue
		}
		dir := filepath.Dir(filepath.Dir(link))
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("process %s (%s)", filepath.Base(dir), strings.TrimSpace(string(name)))
	}
	return ""
}
