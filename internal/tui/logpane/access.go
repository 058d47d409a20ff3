package logpane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// access is what an access line of nginx or of the web tier says, as far as it is shown.
type access struct {
	RequestID string  `json:"request_id"`
	Method    string  `json:"method"`
	URI       string  `json:"uri"`  // nginx
	Path      string  `json:"path"` // web
	Status    int     `json:"status"`
	Bytes     int64   `json:"bytes"`
	Request   float64 `json:"request_time"` // nginx: seconds
	Upstream  string  `json:"upstream"`
	// nginx: seconds; several of them, with commas and colons between, when it asked several upstreams.
	UpstreamTime string   `json:"upstream_response_time"`
	Duration     float64  `json:"duration_ms"` // web
	Redis        *float64 `json:"redis_ms"`    // web, of /count
	Visit        int64    `json:"visit"`       // web, of /count
}

// parseAccess reads a JSON access line; ok is false for every other line.
func parseAccess(text []byte) (a access, ok bool) {
	if len(text) == 0 || text[0] != '{' || !bytes.Contains(text, statusKey) {
		return a, false
	}
	if err := json.Unmarshal(text, &a); err != nil || a.Method == "" {
		return a, false
	}
	return a, true
}

func (a *access) target() string { return a.URI + a.Path }

// took is how long the whole took, by the tier that logged it.
func (a *access) took() time.Duration {
	if a.URI != "" {
		return seconds(a.Request)
	}
	return seconds(a.Duration / 1000)
}

// longest bounds what an untrusted line says about time.
const longest = 24 * time.Hour

func seconds(s float64) time.Duration {
	if !(s > 0) {
		return 0
	}
	if s > longest.Seconds() {
		return longest
	}
	return time.Duration(s * float64(time.Second))
}

// upstreamTook adds up what the upstreams took.
func (a *access) upstreamTook() (sum time.Duration, ok bool) {
	for _, part := range strings.FieldsFunc(a.UpstreamTime, func(r rune) bool { return r == ',' || r == ':' || r == ' ' }) {
		if s, err := strconv.ParseFloat(part, 64); err == nil {
			sum, ok = min(sum+seconds(s), longest), true
		}
	}
	return sum, ok
}

// inShort writes a JSON line in a few words: an access line, or one of a structured log.
func inShort(text []byte) (string, bool) {
	a, ok := parseAccess(text)
	if !ok {
		return structured(text)
	}
	short := fmt.Sprintf("%s %s %d %s %dB", a.Method, a.target(), a.Status, millis(a.took()), a.Bytes)
	if a.Redis != nil {
		short += " redis=" + millis(seconds(*a.Redis/1000))
	}
	if a.Visit > 0 {
		short += fmt.Sprintf(" visit=%d", a.Visit)
	}
	if a.RequestID != "" {
		short += " id=" + a.RequestID
	}
	return short, true
}

// millis writes a duration in milliseconds, to the microsecond where there is one.
func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64) + "ms"
}

// structured writes a line of a structured log as its message and what else it says: time and level are shown beside it.
func structured(text []byte) (string, bool) {
	if len(text) == 0 || text[0] != '{' {
		return "", false
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	_, _ = decoder.Token() // the brace
	message, rest := "", ""
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return "", false
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return "", false
		}
		word := string(value)
		var quoted string
		if json.Unmarshal(value, &quoted) == nil {
			word = quoted
		}
		switch name {
		case "time", "ts", "level":
		case "msg", "message":
			message = word
		default:
			rest += fmt.Sprintf(" %v=%s", name, word)
		}
	}
	return message + rest, message != ""
}
