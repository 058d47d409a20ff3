package stack

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	upstreamOpen = regexp.MustCompile(`^\s*upstream\s+([A-Za-z0-9_.-]+)\s*(\{|#|$)`)
	serverLine   = regexp.MustCompile(`^(\s*server\s+)([A-Za-z0-9_.-]+)(:\d+)?(\s[^;]*)?;(.*)$`)
	// syslogLine sends the access log to a service. Its tag names the service.
	syslogLine = regexp.MustCompile(`^(\s*access_log\s+syslog:server=)([A-Za-z0-9_.-]+)(:\d+)?(,tag=([a-z0-9_]+)[,\s][^;]*);(.*)$`)
	// countedLine tells the number of a service's replicas.
	countedLine = regexp.MustCompile(`^(\s*[^#\s].*[ "])\d+(\\n";\s*# replicas of )([A-Za-z0-9_.-]+)\s*$`)
	// absentMark stands before a line whose service has no replica.
	absentMark = regexp.MustCompile(`^(\s*)# none of [a-z0-9_.-]+: (.*)$`)
)

// RenderUpstreams replaces each `server` line that names a service, inside an `upstream` block of an nginx configuration, with one
// line per address of the service, with the same port and parameters. A line `access_log syslog:server=SERVICE:PORT,tag=SERVICE,...;`
// gets the first of the addresses: nginx would look the name up only once, and not start without an answer. A line that ends with
// `0\n"; # replicas of SERVICE` gets the number of addresses in the place of the 0. The rest is unchanged. A
// service that is not in addresses keeps its line; one with no address gets a server that is down, because nginx rejects an upstream
// block without servers, and is sent no log.
func RenderUpstreams(conf string, addresses map[string][]string) string {
	var out strings.Builder
	eachLine(conf, func(line, _ string, m []string) {
		if counted := countedLine.FindStringSubmatch(strings.TrimRight(line, "\r\n")); counted != nil {
			out.WriteString(withCount(line, counted, len(addresses[counted[3]])))
			return
		}
		var found []string
		known := false
		if m != nil {
			found, known = addresses[m[2]]
		}
		if !known {
			out.WriteString(line)
			return
		}
		down := ""
		if len(found) == 0 {
			found, down = []string{unusedAddress}, " down"
		}
		end := line[len(strings.TrimRight(line, "\r\n")):]
		if isSyslog(m) {
			if down != "" {
				indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
				out.WriteString(indent + "# none of " + m[2] + ": " + line[len(indent):])
				return
			}
			found = found[:1]
		}
		for _, address := range found {
			out.WriteString(m[1] + address + m[3] + m[4] + down + ";" + m[5] + cmp.Or(end, "\n"))
		}
	})
	return out.String()
}

// withCount puts the number of replicas into a match of countedLine.
func withCount(line string, counted []string, n int) string {
	return counted[1] + strconv.Itoa(n) + counted[2] + counted[3] + line[len(strings.TrimRight(line, "\r\n")):]
}

// isSyslog reports whether a match is one of syslogLine, and not of serverLine.
func isSyslog(m []string) bool { return strings.HasPrefix(strings.TrimSpace(m[1]), "access_log") }

// unusedAddress belongs to no host (RFC 5737).
const unusedAddress = "192.0.2.1"

// CollapseUpstreams reverses RenderUpstreams: inside each `upstream` block it replaces successive `server` lines with addresses of
// one service with a line that names the service. The rest is unchanged. serviceAt returns the service that an address in the
// named block belongs to, or "".
func CollapseUpstreams(conf string, serviceAt func(address, block string) string) string {
	var out strings.Builder
	last := ""
	eachLine(conf, func(line, block string, m []string) {
		if absent := absentMark.FindStringSubmatch(strings.TrimRight(line, "\r\n")); absent != nil {
			line = absent[1] + absent[2] + line[len(strings.TrimRight(line, "\r\n")):]
		}
		if counted := countedLine.FindStringSubmatch(strings.TrimRight(line, "\r\n")); counted != nil {
			line = withCount(line, counted, 0)
		}
		service := ""
		if m != nil {
			service = serviceAt(m[2], block)
		}
		if m != nil && m[2] == unusedAddress {
			service, line = block, strings.Replace(line, " down;", ";", 1)
		}
		if service == "" {
			out.WriteString(line)
		} else if service != last {
			out.WriteString(strings.Replace(line, m[2], service, 1))
		}
		last = service
	})
	return out.String()
}

// UpstreamServices lists the names in the `server` lines inside the `upstream` blocks, and of those that get the log, each once.
func UpstreamServices(conf string) []string {
	var names []string
	eachLine(conf, func(_, _ string, m []string) {
		if m != nil && !slices.Contains(names, m[2]) {
			names = append(names, m[2])
		}
	})
	return names
}

// eachLine calls do for each line of a configuration; inside an `upstream` block, block is its name and server the match of
// serverLine. A line that sends the log to a service is like a line of a block with the name of its tag.
func eachLine(conf string, do func(line, block string, server []string)) {
	inside, block := false, ""
	for line := range strings.Lines(conf) {
		text := strings.TrimRight(line, "\r\n")
		switch {
		case upstreamOpen.MatchString(text):
			block = upstreamOpen.FindStringSubmatch(text)[1]
			inside = !strings.Contains(text, "}") // a block on one line is not changed
		case inside && strings.HasPrefix(strings.TrimSpace(text), "}"):
			inside = false
		}
		var server []string
		if inside {
			server = serverLine.FindStringSubmatch(text)
		} else if m := syslogLine.FindStringSubmatch(text); m != nil {
			do(line, m[5], []string{m[0], m[1], m[2], m[3], m[4], m[6]})
			continue
		}
		do(line, block, server)
	}
}
