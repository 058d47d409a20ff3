package stack

import (
	"cmp"
	"regexp"
	"strings"
)

var (
	upstreamOpen = regexp.MustCompile(`^\s*upstream\s+[A-Za-z0-9_.-]+\s*(\{|#|$)`)
	serverLine   = regexp.MustCompile(`^(\s*server\s+)([A-Za-z0-9_.-]+)(:\d+)?(\s[^;]*)?;(.*)$`)
)

// RenderUpstreams returns an nginx configuration in which, inside each `upstream` block, a `server` line that names a
// service stands once per address of that service, with the same port and parameters. All else stays as written.
// A service without addresses keeps its line, so that the file stays valid.
func RenderUpstreams(conf string, addresses map[string][]string) string {
	var out strings.Builder
	inside := false
	for line := range strings.Lines(conf) {
		text := strings.TrimRight(line, "\r\n")
		switch {
		case upstreamOpen.MatchString(text):
			inside = !strings.Contains(text, "}") // a block on one line is left alone
		case inside && strings.HasPrefix(strings.TrimSpace(text), "}"):
			inside = false
		}
		m := serverLine.FindStringSubmatch(text)
		if !inside || m == nil || len(addresses[m[2]]) == 0 {
			out.WriteString(line)
			continue
		}
		for _, address := range addresses[m[2]] {
			out.WriteString(m[1] + address + m[3] + m[4] + ";" + m[5] + cmp.Or(line[len(text):], "\n"))
		}
	}
	return out.String()
}
