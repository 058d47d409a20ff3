package traffic

import (
	"bytes"
	"time"
)

// access is what is of interest in an access line. upstream is a part of the line.
type access struct {
	class    int // of the status; 0 for what is none
	duration time.Duration
	upstream []byte
	aside    bool
}

var (
	keyURI      = []byte(`"uri":"`)
	keyStatus   = []byte(`"status":`)
	keyDuration = []byte(`"request_time":`)
	keyUpstream = []byte(`"upstream":"`)
)

// parse reads a line that has, in this order, uri, status, request_time and upstream, as assets/nginx.conf writes them. A client can
// put text into the uri alone of what comes before; nginx escapes its quotes.
func parse(line []byte) (access, bool) {
	var a access
	uri, line, ok := quoted(line, keyURI)
	if !ok {
		return a, false
	}
	status, line, ok := number(line, keyStatus)
	if !ok {
		return a, false
	}
	duration, line, ok := number(line, keyDuration)
	if !ok {
		return a, false
	}
	upstream, _, ok := quoted(line, keyUpstream)
	if !ok {
		return a, false
	}
	if i := bytes.LastIndexByte(upstream, ' '); i >= 0 { // after a retry: "first, second"
		upstream = upstream[i+1:]
	}
	if len(upstream) > 1 {
		a.upstream = upstream
	}
	if len(status) == 3 && status[0] >= '1' && status[0] <= '5' {
		a.class = int(status[0] - '0')
	}
	a.duration = seconds(duration)
	path, _, _ := bytes.Cut(uri, []byte{'?'})
	switch string(path) {
	case "/healthz", "/readyz", "/events": // the last is open for as long as a browser looks at the page
		a.aside = true
	}
	return a, true
}

// quoted returns what stands in quotes behind a key, and the rest of the line.
func quoted(line, key []byte) (value, rest []byte, ok bool) {
	i := bytes.Index(line, key)
	if i < 0 {
		return nil, nil, false
	}
	line = line[i+len(key):]
	for j := 0; j < len(line); j++ {
		switch line[j] {
		case '\\':
			j++
		case '"':
			return line[:j], line[j+1:], true
		}
	}
	return nil, nil, false
}

// number returns the digits and points behind a key, and the rest of the line.
func number(line, key []byte) (value, rest []byte, ok bool) {
	i := bytes.Index(line, key)
	if i < 0 {
		return nil, nil, false
	}
	line = line[i+len(key):]
	n := 0
	for n < len(line) && (line[n] >= '0' && line[n] <= '9' || line[n] == '.') {
		n++
	}
	return line[:n], line[n:], n > 0
}

// longest is the latency that longer ones count as.
const longest = time.Hour

// seconds reads a time such as 0.042.
func seconds(text []byte) time.Duration {
	whole, fraction, _ := bytes.Cut(text, []byte{'.'})
	var d time.Duration
	for _, c := range whole {
		if d = d*10 + time.Duration(c-'0')*time.Second; d > longest {
			return longest
		}
	}
	unit := time.Second
	for _, c := range fraction {
		if unit /= 10; c < '0' || c > '9' {
			break
		}
		d += time.Duration(c-'0') * unit
	}
	return d
}
