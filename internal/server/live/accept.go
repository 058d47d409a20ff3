package live

import (
	"net/http"
	"strconv"
	"strings"
)

// WantsHTML says whether the client names HTML in its Accept header and likes it at least as much as plain text,
// as browsers do. curl's "*/*" does not name it. See RFC 9110, section 12.5.1.
func WantsHTML(r *http.Request) bool {
	lines := r.Header["Accept"]
	if len(lines) == 0 || len(lines) == 1 && lines[0] == "*/*" { // most programs: not worth a map
		return false
	}
	likes := map[string]float64{}
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			kind, params, _ := strings.Cut(item, ";")
			kind = strings.ToLower(strings.TrimSpace(kind))
			likes[kind] = max(likes[kind], quality(params))
		}
	}
	html := max(likes["text/html"], likes["application/xhtml+xml"])
	return html > 0 && html >= plain(likes)
}

// plain is how much text/plain is liked: the most specific range that covers it decides.
func plain(likes map[string]float64) float64 {
	for _, kind := range []string{"text/plain", "text/*", "*/*"} {
		if q, ok := likes[kind]; ok {
			return q
		}
	}
	return 0
}

// quality is the q of a media range's parameters: 1 where there is none, 0 where it is not a number from 0 to 1.
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
