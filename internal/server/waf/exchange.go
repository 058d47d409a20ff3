package waf

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/corazawaf/coraza/v3/types"

	"stackctl.dev/stackctl/internal/server/tier"
)

// What became of a request.
const (
	verdictPassed      = "passed"
	verdictDetected    = "detected"    // rules matched, and it was passed on: too little to block, or the mode is detect
	verdictBlocked     = "blocked"     // by the rules
	verdictRefused     = "refused"     // its body is too long, too slow or malformed
	verdictFailed      = "failed"      // it could not be inspected
	verdictUnreachable = "unreachable" // no response of the upstream
	verdictGone        = "gone"        // the client closed the connection
)

// verdictHeader tells nginx that this tier has answered, and not the web tier; nginx does not pass it on.
const verdictHeader = "X-Waf-Verdict"

// exchange is a request, what is known of it, and its response.
type exchange struct {
	id         string
	client     string // its address
	begin      time.Time
	body       []byte
	tx         types.Transaction // nil until the inspection begins
	inspecting time.Duration     // how long the inspections took, waiting for a slot included
	verdict    string
	rec        recorder
}

// exchangeKey is that of the exchange in its request's context.
type exchangeKey struct{}

func exchangeOf(r *http.Request) *exchange { return r.Context().Value(exchangeKey{}).(*exchange) }

// newExchange also gives the request an id if it has no valid one: the next tier logs the same.
func newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{begin: time.Now(), verdict: verdictPassed, rec: recorder{ResponseWriter: w, control: http.NewResponseController(w)}}
	given := r.Header.Get(tier.RequestIDHeader)
	if x.id = tier.RequestID(given); x.id != given {
		r.Header.Set(tier.RequestIDHeader, x.id)
	}
	x.client = clientOf(r)
	return x
}

// clientOf returns the client's address. That in X-Real-IP is nginx's word, and only nginx reaches this tier.
func clientOf(r *http.Request) string {
	if ip := net.ParseIP(r.Header.Get("X-Real-Ip")); ip != nil {
		return ip.String()
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

// readBody reads the request's body, and takes its deadline off: a response may take longer.
func (x *exchange) readBody(r *http.Request) error {
	if r.ContentLength > maxBody {
		return errTooLong
	}
	if r.ContentLength != 0 {
		content, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			return err
		}
		if len(content) > maxBody {
			return errTooLong
		}
		x.body = content
	}
	r.Body, r.ContentLength = http.NoBody, int64(len(x.body)) // upstream sends x.body
	_ = x.rec.control.SetReadDeadline(time.Time{})            // an error means that the connection is gone
	return nil
}

// answer sends a response of this tier's own.
func (x *exchange) answer(status int, verdict, text string) {
	x.verdict = verdict
	header := x.rec.Header()
	clear(header) // of a response that is not passed on
	header[tier.RequestIDHeader] = []string{x.id}
	header[verdictHeader] = []string{verdict}
	header["Content-Type"] = []string{"text/plain; charset=utf-8"}
	header["Cache-Control"] = []string{"no-store"}
	if status == http.StatusRequestEntityTooLarge || verdict == verdictRefused {
		header["Connection"] = []string{"close"}
	}
	x.rec.WriteHeader(status)
	_, _ = io.WriteString(&x.rec, text) // an error means that the client is gone
}

// block answers as the rules say, with a 403 unless they name another status of 4xx. The id lets the visitor report a mistake.
func (x *exchange) block(in *types.Interruption) {
	status := http.StatusForbidden
	if in != nil && 400 <= in.Status && in.Status < 500 {
		status = in.Status
	}
	x.answer(status, verdictBlocked, http.StatusText(status)+"\nRequest "+x.id+" was blocked.\n")
}

// recorder records the response for the log, and gives each write its own deadline.
type recorder struct {
	http.ResponseWriter
	control       *http.ResponseController
	status        int // 0 until the header is written
	bytes         int64
	answeredPanic bool
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= 200 { // 1xx is not the final status
		rec.status = status
	}
	rec.expect()
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	rec.expect()
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += int64(n)
	return n, err
}

func (rec *recorder) expect() { _ = rec.control.SetWriteDeadline(time.Now().Add(writeTimeout)) }

// Unwrap gives http.ResponseController access to Flush, Hijack and the deadlines.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// code returns the status that the client gets: net/http sends 200 if a handler wrote nothing.
func (rec *recorder) code() int {
	if rec.status == 0 {
		return http.StatusOK
	}
	return rec.status
}

// buffers are what responses are copied through.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { return new([32 << 10]byte) }}}
}

func (b *buffers) Get() []byte  { return b.pool.Get().(*[32 << 10]byte)[:] }
func (b *buffers) Put(p []byte) { b.pool.Put((*[32 << 10]byte)(p)) }

// isText reports whether a response's type is one that the rules inspect.
func isText(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "text/plain", "text/html", "text/xml":
		return true
	}
	return false
}
