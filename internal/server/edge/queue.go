package edge

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// udpTable lists the sockets of this network namespace, in the container its own, with the datagrams that were dropped because their
// queue was full.
const udpTable = "/proc/self/net/udp"

// dropped is how many lines the kernel dropped at the socket on a port. Where there is no such table, it is 0.
func dropped(port int) (total uint64) {
	table, err := os.Open(udpTable)
	if err != nil {
		return 0
	}
	defer table.Close()
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		total += drops(lines.Text(), port)
	}
	return total
}

// drops reads a line of the table: the second column ends with the port, in hexadecimal digits, and the last is the number.
func drops(line string, port int) uint64 {
	columns := strings.Fields(line)
	if len(columns) < 3 {
		return 0
	}
	_, local, ok := strings.Cut(columns[1], ":")
	if at, err := strconv.ParseUint(local, 16, 16); !ok || err != nil || int(at) != port {
		return 0
	}
	n, err := strconv.ParseUint(columns[len(columns)-1], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
