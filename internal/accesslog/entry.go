package accesslog

import (
	"fmt"
	"strconv"
	"time"
)

// Entry is a request as nginx logs it.
type Entry struct {
	Time                           time.Time
	RequestID, Remote, Method, URI string
	Status, Bytes                  int
	Took                           time.Duration
	Upstream                       *Upstream // nil where none was asked
	UserAgent                      string
}

// Upstream is what nginx asked, and the answer.
type Upstream struct {
	Address string
	Status  int
	Took    time.Duration
}

// Append adds the line of a request, in the form of assets/nginx.conf's log_format.
func (e Entry) Append(line []byte) []byte {
	var address, status, connect, took string
	if u := e.Upstream; u != nil {
		address, status, connect, took = u.Address, strconv.Itoa(u.Status), "0.000", seconds(u.Took)
	}
	text := func(name, value string) {
		line = append(append(line, `"`+name+`":"`...), escape(value)+`",`...)
	}
	line = append(line, '{')
	text("time", e.Time.Format("2006-01-02T15:04:05-07:00"))
	text("request_id", e.RequestID)
	text("remote", e.Remote)
	text("method", e.Method)
	text("uri", e.URI)
	line = fmt.Appendf(line, `"status":%d,"bytes":%d,"request_time":%s,`, e.Status, e.Bytes, seconds(e.Took))
	text("upstream", address)
	text("upstream_status", status)
	text("upstream_connect_time", connect)
	text("upstream_response_time", took)
	text("user_agent", e.UserAgent)
	line[len(line)-1] = '}'
	return append(line, '\n')
}

// seconds is nginx's way to write a time, to the millisecond.
func seconds(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}

// escape is nginx's escape=json.
func escape(text string) string {
	escaped := make([]byte, 0, len(text))
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			escaped = append(escaped, '\\', c)
		case c < ' ':
			escaped = fmt.Appendf(escaped, `\u%04X`, c)
		default:
			escaped = append(escaped, c)
		}
	}
	return string(escaped)
}
