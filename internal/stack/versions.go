package stack

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A configuration marks lines that depend on the program's version in comments, so that the file is valid without rendering. The
// version is the value of a variable that the image sets, as the official images do.
var (
	sinceMark = regexp.MustCompile(`^(\s*)# since ([A-Z][A-Z0-9_]*) ([0-9.]+): (.*)$`)
	untilMark = regexp.MustCompile(`# until ([A-Z][A-Z0-9_]*) ([0-9.]+)\s*$`)
)

// RenderVersions adapts a configuration to an image with these variables, KEY=value. If the version is 1.27.4 or newer, it replaces a
// line `# since NGINX_VERSION 1.27.4: text` with `text`, and removes a line `text # until NGINX_VERSION 1.27.4`. The rest is
// unchanged, and so is everything if the version is not known.
func RenderVersions(conf string, variables []string) string {
	var out strings.Builder
	for line := range strings.Lines(conf) {
		text := strings.TrimRight(line, "\r\n")
		if m := sinceMark.FindStringSubmatch(text); m != nil && atLeast(variables, m[2], m[3]) {
			line = m[1] + m[4] + line[len(text):]
		}
		if m := untilMark.FindStringSubmatch(text); m != nil && atLeast(variables, m[1], m[2]) {
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}

// atLeast reports whether a variable holds the wanted version or a newer one.
func atLeast(variables []string, name, wanted string) bool {
	for _, variable := range variables {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			have, least := versionOf(value), versionOf(wanted)
			return have != nil && least != nil && slices.Compare(have, least) >= 0
		}
	}
	return false
}

// leadingVersion matches a version without a packager's suffix, such as "1.28.0" in "1.28.0-rc1". A number without dots is not a
// version: it may be the beginning of a digest.
var leadingVersion = regexp.MustCompile(`^\d+(\.\d+)+`)

func versionOf(text string) []int {
	var parts []int
	for part := range strings.SplitSeq(leadingVersion.FindString(text), ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil // not a version
		}
		parts = append(parts, n)
	}
	return parts
}
