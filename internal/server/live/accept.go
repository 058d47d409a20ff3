package live

import (
	"net/http"
	"strconv"
	"strings"
)

// WantsHTML reports whether the Accept header names HTML and prefers it to plain text or accepts both equally, as browsers do.
// curl's "*/*" does not name it. See RFC 9110, section 12.5.1.
func WantsHTML(r *http.Request) bool {
	lines := r.Header["Accept"]
	if len(lines) == 0 || len(lines) == 1 && lines[0] == "*/*" { // most programs; this saves them the map
		return false
	}
	qualities := map[string]float64{}
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			kind, params, _ := strings.Cut(item, ";")
			kind = strings.ToLower(strings.TrimSpace(kind))
			qualities[kind] = max(qualities[kind], quality(params))
		}
	}
	html := max(qualities["text/html"], qualities["application/xhtml+xml"])
	return html > 0 && html >= plainQuality(qualities)
}

// plainQuality returns the quality of text/plain, that of the most specific range that includes it.
func plainQuality(qualities map[string]float64) float64 {
	for _, kind := range []string{"text/plain", "text/*", "*/*"} {
		if q, ok := qualities[kind]; ok {
			return q
		}
	}
	return 0
}

// quality returns the q of a media range's parameters: 1 if there is none, 0 if it is not a number from 0 to 1.
func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) { // also false for NaN
			return 0
		}
		return q
	}
	return 1
}
