package demo

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"time"
)

// exchange is one request and what was answered, for the access log.
type exchange struct {
	http.ResponseWriter
	begin    time.Time
	id       string
	status   int
	bytes    int
	upstream string // "" when no replica was asked
	run      *webRun

	upstreamStatus int
	upstreamTime   time.Duration
}

func (e *exchange) WriteHeader(status int) {
	if e.status == 0 && status >= 200 { // 1xx are not yet the answer
		e.status = status
	}
	e.ResponseWriter.WriteHeader(status)
}

func (e *exchange) Write(p []byte) (int, error) {
	if e.status == 0 {
		e.status = http.StatusOK
	}
	n, err := e.ResponseWriter.Write(p)
	e.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach what is wrapped.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// pass gives the request to its replica.
func (e *exchange) pass(r *http.Request) (*http.Response, error) {
	begin := time.Now()
	response, err := e.run.client.RoundTrip(r)
	e.upstreamTime = time.Since(begin)
	e.upstreamStatus = http.StatusBadGateway
	if err == nil {
		e.upstreamStatus = response.StatusCode
	}
	return response, err
}

// write writes the access line, in the form of assets/nginx.conf's log_format.
func (e *exchange) write(log io.Writer, at time.Time, r *http.Request) {
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		remote = r.RemoteAddr
	}
	var upstreamStatus, connect, took string
	if e.upstream != "" {
		upstreamStatus, connect, took = fmt.Sprint(e.upstreamStatus), "0.000", seconds(e.upstreamTime)
	}
	line := make([]byte, 0, 512)
	text := func(name, value string) {
		line = append(append(line, `"`+name+`":"`...), escape(value)+`",`...)
	}
	line = append(line, '{')
	text("time", at.Format("2006-01-02T15:04:05-07:00"))
	text("request_id", e.id)
	text("remote", remote)
	text("method", r.Method)
	text("uri", r.RequestURI)
	line = fmt.Appendf(line, `"status":%d,"bytes":%d,"request_time":%s,`, e.status, e.bytes, seconds(time.Since(e.begin)))
	text("upstream", e.upstream)
	text("upstream_status", upstreamStatus)
	text("upstream_connect_time", connect)
	text("upstream_response_time", took)
	text("user_agent", r.UserAgent())
	line[len(line)-1] = '}'
	_, _ = log.Write(append(line, '\n')) // the journal takes everything
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

var plainToken = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// requestID keeps a client's own id when it is a plain token, as nginx.conf does. Others are numbered, in a form that looks like nginx's:
// they only have to differ.
func (p *proxyTier) requestID(given string) string {
	if plainToken.MatchString(given) {
		return given
	}
	p.mu.Lock()
	p.ids++
	n := p.ids
	p.mu.Unlock()
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], n*0x9e3779b97f4a7c15) // odd, so that no number comes twice; see splitmix64
	binary.BigEndian.PutUint64(id[8:], n)
	return hex.EncodeToString(id[:])
}
