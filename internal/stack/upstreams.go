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
// A service without addresses keeps its line, so that the file stays valid.
func RenderUpstreams(conf string, addresses map[string][]string) string {
	var out strings.Builder
	eachLine(conf, func(line, _ string, m []string) {
		if m == nil || len(addresses[m[2]]) == 0 {
			out.WriteString(line)
			return
		}
		end := line[len(strings.TrimRight(line, "\r\n")):]
		for _, address := range addresses[m[2]] {
			out.WriteString(m[1] + address + m[3] + m[4] + ";" + m[5] + cmp.Or(end, "\n"))
		}
	})
	return out.String()
}

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
