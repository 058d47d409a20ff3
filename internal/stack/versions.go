package stack

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What depends on the version of a program is written in its configuration, in comments, so that the file is valid as it stands.
// The version is the value of a variable that the image sets, as the official images do.
var (
	sinceMark = regexp.MustCompile(`^(\s*)# since ([A-Z][A-Z0-9_]*) ([0-9.]+): (.*)$`)
	untilMark = regexp.MustCompile(`# until ([A-Z][A-Z0-9_]*) ([0-9.]+)\s*$`)
)

// RenderVersions returns a configuration as it fits an image with these variables, KEY=value. A line
// `# since NGINX_VERSION 1.27.4: text` becomes `text`, and a line `text # until NGINX_VERSION 1.27.4` goes, where the version is that
// one or a newer one. All else stays as written, and so does all where the version is not known.
func RenderVersions(conf string, variables []string) string {
	var out strings.Builder
	for line := range strings.Lines(conf) {
		text := strings.TrimRight(line, "\r\n")
		if m := sinceMark.FindStringSubmatch(text); m != nil && reached(variables, m[2], m[3]) {
			line = m[1] + m[4] + line[len(text):]
		}
		if m := untilMark.FindStringSubmatch(text); m != nil && reached(variables, m[1], m[2]) {
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}

// reached reports whether a variable has a version that is at least the wanted one.
func reached(variables []string, name, wanted string) bool {
	for _, variable := range variables {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			have, least := versionOf(value), versionOf(wanted)
			return have != nil && least != nil && slices.Compare(have, least) >= 0
		}
	}
	return false
}

// leadingVersion is a version without what a packager adds, such as "1.28.0" of "1.28.0-rc1". A number alone is none: it may be
// the beginning of a digest.
var leadingVersion = regexp.MustCompile(`^\d+(\.\d+)+`)

func versionOf(text string) []int {
	var parts []int
	for part := range strings.SplitSeq(leadingVersion.FindString(text), ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil // it is none
		}
		parts = append(parts, n)
	}
	return parts
}
