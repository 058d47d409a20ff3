// Package accesslog reads and writes the access lines of the stack: one JSON object a request, of nginx (assets/nginx.conf), of the
// firewall and of the web tier.
package accesslog

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"strings"
	"time"
)

// Line is what an access line says. Its texts are parts of the line as they stand there, untrusted: Text reads them.
type Line struct {
	RequestID, Method []byte
	Status            int
	Bytes             int64
	Took              time.Duration // at most Longest
	Timed             bool          // it says Took

	// nginx's alone, nil where the line has none; of several upstreams that it asked, those of each, as in "first, second : third".
	URI, Upstream, UpstreamTimes []byte

	// Of the line that nginx sends to the tier edge: its port, the block of upstreams that it asked, when their headers came.
	Port               int64
	Proxy, HeaderTimes []byte

	// The firewall's alone.
	Verdict    []byte
	Inspecting time.Duration // how long its rules took

	Path []byte // the web tier's and the firewall's

	// The web tier's alone.
	Redis time.Duration // its step; -1 where Redis was not asked
	Visit int64         // the number that was counted, 0 where none was
}

// Tier is who wrote a line.
type Tier uint8

// The tiers, in the order in which a request passes them.
const (
	Front    Tier = iota // nginx
	Firewall             // stackctl waf
	Web                  // the web tier
)

// Tier tells who wrote the line: a request has one line of each tier that it passed. The firewall's looks like the web tier's, and has a
// verdict.
func (l *Line) Tier() Tier {
	switch {
	case l.URI != nil:
		return Front
	case l.Verdict != nil:
		return Firewall
	}
	return Web
}

// Longest is what longer times count as: nothing bounds what a line says.
const Longest = 24 * time.Hour

// Parse reads a line that has a status, and nginx's uri or the other tiers' path. A client can put text into some of its values; the quotes
// in them are escaped.
func Parse(line []byte) (Line, bool) {
	l := Line{Redis: -1}
	status := false
	if len(line) == 0 || line[0] != '{' {
		return l, false
	}
	for rest := line[1:]; ; {
		key, value, after, ok := pair(rest)
		if !ok {
			return l, false
		}
		switch string(key) {
		case "request_id":
			l.RequestID = value
		case "method":
			l.Method = value
		case "uri":
			l.URI = value
		case "path":
			l.Path = value
		case "status":
			l.Status, status = int(number(value)), true
		case "bytes":
			l.Bytes = number(value)
		case "request_time":
			l.Took, l.Timed = decimal(value, time.Second), true
		case "duration_ms":
			l.Took, l.Timed = decimal(value, time.Millisecond), true
		case "upstream":
			l.Upstream = value
		case "upstream_response_time":
			l.UpstreamTimes = value
		case "upstream_header_time":
			l.HeaderTimes = value
		case "proxy":
			l.Proxy = value
		case "port":
			l.Port = number(value)
		case "redis_ms":
			l.Redis = decimal(value, time.Millisecond)
		case "waf_ms":
			l.Inspecting = decimal(value, time.Millisecond)
		case "verdict":
			l.Verdict = value
		case "visit":
			l.Visit = number(value)
		}
		if after[0] == '}' {
			break
		}
		rest = after[1:]
	}
	return l, status && (l.URI != nil || l.Path != nil)
}

// pair reads a name and its value, without quotes, and returns what follows: a comma or a brace first. Values are texts and numbers; what
// nests others is no access line.
func pair(line []byte) (key, value, rest []byte, ok bool) {
	if key, line, ok = quoted(line); !ok || len(line) == 0 || line[0] != ':' {
		return nil, nil, nil, false
	}
	if value, rest, ok = quoted(line[1:]); !ok {
		end := 1
		for end < len(line) && line[end] != ',' && line[end] != '}' {
			end++
		}
		if value, rest = line[1:end], line[end:]; len(value) == 0 || value[0] == '{' || value[0] == '[' {
			return nil, nil, nil, false
		}
	}
	return key, value, rest, len(rest) > 0 && (rest[0] == ',' || rest[0] == '}')
}

// quoted returns what stands between quotes at the line's beginning, and what follows.
func quoted(line []byte) (text, rest []byte, ok bool) {
	if len(line) == 0 || line[0] != '"' {
		return nil, line, false
	}
	for end := 1; end < len(line); end++ {
		switch line[end] {
		case '"':
			return line[1:end], line[end+1:], true
		case '\\':
			end++
		}
	}
	return nil, line, false
}

// number reads a whole number; what is none is 0.
func number(text []byte) (n int64) {
	for _, c := range text {
		if c < '0' || c > '9' || n > 1e17 {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// decimal reads a time such as 0.042.
func decimal(text []byte, unit time.Duration) time.Duration {
	whole, fraction, _ := bytes.Cut(text, []byte{'.'})
	var d time.Duration
	for _, c := range whole {
		if c < '0' || c > '9' {
			return exponential(text, unit)
		}
		if d = d*10 + time.Duration(c-'0')*unit; d > Longest {
			return Longest
		}
	}
	digit := unit
	for _, c := range fraction {
		if c < '0' || c > '9' {
			return exponential(text, unit)
		}
		digit /= 10
		d += time.Duration(c-'0') * digit
	}
	return d
}

// exponential reads a time such as 1e-05, as Go writes a small one; what is none is 0.
func exponential(text []byte, unit time.Duration) time.Duration {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(f > 0) {
		return 0
	}
	return time.Duration(min(f*float64(unit), float64(Longest)))
}

// Text is a text of a line as it was before it was escaped.
func Text(part []byte) string {
	if bytes.IndexByte(part, '\\') >= 0 {
		var text string
		if json.Unmarshal([]byte(`"`+string(part)+`"`), &text) == nil {
			return text
		}
	}
	return strings.ToValidUTF8(string(part), "\ufffd")
}

// Target is what was asked for.
func (l *Line) Target() string { return Text(l.URI) + Text(l.Path) }

// UpstreamTook is how long nginx waited for its upstreams, all of them; ok is false where it asked none.
func (l *Line) UpstreamTook() (sum time.Duration, ok bool) {
	for _, part := range bytes.FieldsFunc(l.UpstreamTimes, func(r rune) bool { return r == ',' || r == ':' || r == ' ' }) {
		if part[0] >= '0' && part[0] <= '9' {
			sum, ok = min(sum+decimal(part, time.Second), Longest), true
		}
	}
	return sum, ok
}

// Answered reports whether the last upstream that nginx asked sent a response: otherwise nginx made one itself.
func (l *Line) Answered() bool {
	last := l.HeaderTimes[bytes.LastIndexByte(l.HeaderTimes, ' ')+1:]
	return len(last) > 0 && last[0] >= '0' && last[0] <= '9'
}

// Attempt is what nginx asked one upstream.
type Attempt struct {
	Upstream []byte // its address
	Answered bool   // it sent a response
	Took     time.Duration
}

// Attempts are those of a request, in their order: there are several where an upstream did not answer.
func (l *Line) Attempts() iter.Seq[Attempt] {
	return func(yield func(Attempt) bool) {
		upstreams, headers, times := l.Upstream, l.HeaderTimes, l.UpstreamTimes
		for len(upstreams) > 0 {
			var upstream, header, took []byte
			upstream, upstreams = firstOf(upstreams)
			header, headers = firstOf(headers)
			took, times = firstOf(times)
			a := Attempt{Upstream: upstream, Answered: len(header) > 0 && header[0] != '-'}
			if len(took) > 0 && took[0] != '-' {
				a.Took = decimal(took, time.Second)
			}
			if !yield(a) {
				return
			}
		}
	}
}

// firstOf returns the first value of several, and the others: "first, second : third".
func firstOf(list []byte) (first, others []byte) {
	end := bytes.IndexAny(list, ", ")
	if end < 0 {
		return list, nil
	}
	return list[:end], bytes.TrimLeft(list[end:], ",: ")
}

// LastUpstream is the upstream that gave the answer, nil where there was none.
func (l *Line) LastUpstream() []byte {
	upstream := l.Upstream[bytes.LastIndexByte(l.Upstream, ' ')+1:]
	if len(upstream) > 1 { // "-" is none
		return upstream
	}
	return nil
}
