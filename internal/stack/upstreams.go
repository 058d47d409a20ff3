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

// RenderUpstreams returns an nginx configuration in which, inside each `upstream` block, a `server` line that names a
// service stands once per address of that service, with the same port and parameters. All else stays as written.
// A service that is not in addresses keeps its line; one that has none gets one that is down: a file without is not valid.
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
			found, down = []string{nowhere}, " down"
		}
		end := line[len(strings.TrimRight(line, "\r\n")):]
		for _, address := range found {
			out.WriteString(m[1] + address + m[3] + m[4] + down + ";" + m[5] + cmp.Or(end, "\n"))
		}
	})
	return out.String()
}

// nowhere is an address that nobody has (RFC 5737).
const nowhere = "192.0.2.1"

// CollapseUpstreams is the way back: inside each `upstream` block, the `server` lines with addresses of one service become one
// that names it, like the first of them. All else stays as written. serviceAt tells whose an address in the block of that
// name is; "" is nobody's.
func CollapseUpstreams(conf string, serviceAt func(address, block string) string) string {
	var out strings.Builder
	last := ""
	eachLine(conf, func(line, block string, m []string) {
		service := ""
		if m != nil {
			service = serviceAt(m[2], block)
		}
		if m != nil && m[2] == nowhere {
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

// UpstreamServices lists what the `server` lines inside the `upstream` blocks name, each once.
func UpstreamServices(conf string) []string {
	var names []string
	eachLine(conf, func(_, _ string, m []string) {
		if m != nil && !slices.Contains(names, m[2]) {
			names = append(names, m[2])
		}
	})
	return names
}

// eachLine goes through a configuration; inside an `upstream` block, block is its name, and server the match of serverLine.
func eachLine(conf string, do func(line, block string, server []string)) {
	inside, block := false, ""
	for line := range strings.Lines(conf) {
		text := strings.TrimRight(line, "\r\n")
		switch {
		case upstreamOpen.MatchString(text):
			block = upstreamOpen.FindStringSubmatch(text)[1]
			inside = !strings.Contains(text, "}") // a block on one line is left alone
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
