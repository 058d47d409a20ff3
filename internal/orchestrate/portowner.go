package orchestrate

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"stackctl.dev/stackctl/internal/orchestrate/observe"
	"stackctl.dev/stackctl/internal/orchestrate/planner"
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

// explainStart turns the engine's words for a taken port into a PortError. Only a program outside of containers is left
// to own it: checkPorts has looked at those.
func explainStart(err error, observed *observe.Observed) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if !strings.Contains(text, "address already in use") && !strings.Contains(text, "port is already allocated") {
		return err
	}
	address := between(text, "tcp4 ", ":", ": bind")
	if address == "" {
		address = between(text, "Bind for ", "", " failed")
	}
	if address == "" {
		return err
	}
	portErr := &planner.PortError{Address: address}
	if _, port, ok := strings.Cut(address, ":"); ok {
		portErr.Owner = PortOwner(port)
	}
	return errors.Join(portErr, err)
}

// between returns what stands after `start` and before `end`, and has `inside` in it.
func between(text, start, inside, end string) string {
	_, rest, ok := strings.Cut(text, start)
	if !ok {
		return ""
	}
	found, _, ok := strings.Cut(rest, end)
	if !ok || !strings.Contains(found, inside) {
		return ""
	}
	return found
}
