package demo

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"regexp"
	"time"

	"stackctl.dev/stackctl/internal/accesslog"
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

// write writes the access line.
func (e *exchange) write(log io.Writer, r *http.Request) {
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		remote = r.RemoteAddr
	}
	entry := accesslog.Entry{
		Time: time.Now(), RequestID: e.id, Remote: remote, Method: r.Method, URI: r.RequestURI, Status: e.status, Bytes: e.bytes, Took: time.Since(e.begin), UserAgent: r.UserAgent(),
	}
	if e.upstream != "" {
		entry.Upstream = &accesslog.Upstream{Address: e.upstream, Status: e.upstreamStatus, Took: e.upstreamTime}
	}
	_, _ = log.Write(entry.Append(make([]byte, 0, 512))) // the journal takes everything
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
