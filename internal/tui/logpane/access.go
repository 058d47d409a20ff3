package logpane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"stackctl.dev/stackctl/internal/accesslog"
)

// parseAccess reads an access line of nginx, the firewall or the web tier; ok is false for every other line.
func parseAccess(text []byte) (a accesslog.Line, ok bool) {
	a, ok = accesslog.Parse(text)
	return a, ok && len(a.Method) > 0
}

// inShort writes a JSON line in a few words: an access line, or one of a structured log.
func inShort(text []byte) (string, bool) {
	a, ok := parseAccess(text)
	if !ok {
		return structured(text)
	}
	short := fmt.Sprintf("%s %s %d %s %dB", accesslog.Text(a.Method), a.Target(), a.Status, millis(a.Took), a.Bytes)
	if a.Status == http.StatusTooManyRequests {
		short += " limited"
	}
	if a.Tier() == accesslog.Firewall {
		short += fmt.Sprintf(" %s waf=%s", accesslog.Text(a.Verdict), millis(a.Inspecting))
	}
	if a.Redis >= 0 {
		short += " redis=" + millis(a.Redis)
	}
	if a.Visit > 0 {
		short += fmt.Sprintf(" visit=%d", a.Visit)
	}
	if len(a.RequestID) > 0 {
		short += " id=" + accesslog.Text(a.RequestID)
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
