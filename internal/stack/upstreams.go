package stack

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

var (
	upstreamOpen = regexp.MustCompile(`^\s*upstream\s+([A-Za-z0-9_.-]+)\s*(\{|#|$)`)
	serverLine   = regexp.MustCompile(`^(\s*server\s+)([A-Za-z0-9_.-]+)(:\d+)?(\s[^;]*)?;(.*)$`)
)

// RenderUpstreams replaces each `server` line that names a service, inside an `upstream` block of an nginx configuration, with one
// line per address of the service, with the same port and parameters. The rest is unchanged. A service that is not in addresses
// keeps its line; one with no address gets a server that is down, because nginx rejects an upstream block without servers.
func RenderUpstreams(conf string, addresses map[string][]string) string {
	var out strings.Builder
	eachLine(conf, func(line, _ string, m []string) {
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
		for _, address := range found {
			out.WriteString(m[1] + address + m[3] + m[4] + down + ";" + m[5] + cmp.Or(end, "\n"))
		}
	})
	return out.String()
}

// unusedAddress belongs to no host (RFC 5737).
const unusedAddress = "192.0.2.1"

// CollapseUpstreams reverses RenderUpstreams: inside each `upstream` block it replaces successive `server` lines with addresses of
// one service with a line that names the service. The rest is unchanged. serviceAt returns the service that an address in the
// named block belongs to, or "".
func CollapseUpstreams(conf string, serviceAt func(address, block string) string) string {
	var out strings.Builder
	last := ""
	eachLine(conf, func(line, block string, m []string) {
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

// UpstreamServices lists the names in the `server` lines inside the `upstream` blocks, each once.
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
// serverLine.
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
		}
		do(line, block, server)
	}
}
