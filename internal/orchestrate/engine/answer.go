package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"
)

// answers is what every request to the engine goes through but those that are hijacked (see hijack): the engine answers each in time,
// or there is an error; and what should be a JSON document is one.
type answers struct {
	next  http.RoundTripper
	limit time.Duration
}

// maxDocument bounds a JSON document, in bytes: a thousand containers have about 2 MB.
const maxDocument = 64 << 20

// maxWords bounds an error that is not the engine's, such as a proxy's page, in bytes.
const maxWords = 1 << 10

// patience says how long a request may take.
type patience struct {
	headers time.Duration // until the answer begins, from the last byte that was sent
	idle    time.Duration // between two parts of the answer; 0 is for ever: it has no end, or whoever reads it has a limit of its own
	whole   bool          // the answer is one JSON document, which comes whole within headers
}

var (
	apiVersion = regexp.MustCompile(`^/v[0-9.]+/`)
	endless    = regexp.MustCompile(`^/(events|containers/[^/]+/(stats|wait|attach))$`)
	parts      = regexp.MustCompile(`^/(containers/[^/]+/(logs|archive|export)|images/get|images/.+/get)$`)
	work       = regexp.MustCompile(`^/(build|images/create|images/load|commit|build/prune)$`)
	stops      = regexp.MustCompile(`^/containers/[^/]+/(stop|restart)$`)
	creations  = regexp.MustCompile(`^/((containers|networks|volumes)/create|containers/[^/]+/exec)$`)
	lists      = regexp.MustCompile(`^/(containers/json|images/json|networks)$`)
	ping       = regexp.MustCompile(`^/_ping$`)
)

// patienceFor knows the API's calls by their paths.
func patienceFor(r *http.Request, path string, limit time.Duration) patience {
	switch query := r.URL.Query(); {
	case endless.MatchString(path), parts.MatchString(path) && query.Get("follow") == "1":
		return patience{headers: limit}
	case parts.MatchString(path):
		return patience{headers: limit, idle: limit}
	case work.MatchString(path):
		return patience{headers: workFactor * limit}
	case stops.MatchString(path):
		seconds, err := strconv.Atoi(query.Get("t"))
		if err != nil || seconds < 0 { // the container's own, which is not known here
			return patience{headers: longestStop + limit}
		}
		return patience{headers: time.Duration(seconds)*time.Second + limit}
	case r.Method == http.MethodGet && !ping.MatchString(path), creations.MatchString(path):
		return patience{headers: limit, idle: limit, whole: true}
	}
	return patience{headers: limit, idle: limit}
}

const (
	workFactor  = 10 // builds, pulls and loads may be silent for so many limits before they say the first word
	longestStop = 10 * time.Minute
)

// RoundTrip implements http.RoundTripper.
func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	path := "/" + apiVersion.ReplaceAllString(r.URL.Path, "")
	if path[1] == '/' {
		path = path[1:]
	}
	p := patienceFor(r, path, a.limit)
	parent := r.Context()
	ctx, cancel := context.WithCancelCause(parent)
	w := &watchdog{limit: p.headers}
	w.timer = time.AfterFunc(p.headers, func() { cancel(&NoAnswerError{After: w.limit}) })
	sent := r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		sent.Body = &upload{r.Body, w}
	}
	response, err := a.next.RoundTrip(sent)
	if err != nil {
		w.stop()
		err = reasonOf(ctx, parent, err)
		cancel(nil)
		return nil, err
	}
	body := &answer{ReadCloser: response.Body, w: w, ctx: ctx, parent: parent, cancel: func() { cancel(nil) }, idle: p.idle}
	response.Body = body
	if response.StatusCode >= http.StatusBadRequest { // an error has an end, whatever was asked for
		w.stop()
		body.idle = a.limit
		if response.Header.Get("Content-Type") != "application/json" { // of who knows what: it is shown as it is
			response.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(body, maxWords), body}
		}
		return response, nil
	}
	if !p.whole {
		w.stop()
		return response, nil
	}
	return checked(response, body, r.Method+" "+path, lists.MatchString(path))
}

// checked reads an answer that is one JSON document.
func checked(response *http.Response, body *answer, call string, list bool) (*http.Response, error) {
	body.idle = 0 // the limit is that of the whole
	content, err := io.ReadAll(io.LimitReader(body, maxDocument+1))
	_ = body.Close()
	odd := ""
	begin := bytes.TrimLeft(content, " \t\r\n")
	switch {
	case errors.As(err, new(*NoAnswerError)), err != nil && body.parent.Err() != nil: // what is whole is good, even if late
		return nil, err
	case err != nil:
		odd = "it broke off: " + err.Error()
	case response.StatusCode >= http.StatusMultipleChoices:
		odd = "its status is " + response.Status
	case len(content) > maxDocument:
		odd = fmt.Sprintf("it has more than %d MiB", maxDocument>>20)
	case len(begin) == 0:
		odd = "it is empty"
	case !json.Valid(content):
		odd = "it is no JSON document"
	case list && begin[0] != '[', !list && begin[0] != '{':
		odd = "it is no such thing but " + string(begin[:min(len(begin), 20)])
	}
	if odd != "" {
		return nil, oddAnswer(call, odd)
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	return response, nil
}

// NoAnswerError says that a call to the engine was given up.
type NoAnswerError struct{ After time.Duration }

func (e *NoAnswerError) Error() string {
	return fmt.Sprintf("no answer from the engine within %s; STACKCTL_ENGINE_TIMEOUT=5m gives it more", e.After)
}

// OddAnswerError says that the engine answered, but not as one does.
type OddAnswerError struct{ Call, Odd string }

func (e *OddAnswerError) Error() string {
	return fmt.Sprintf("reading the engine's answer to %q: %s; try again, check what stands between here and the engine, and see `stackctl doctor`", e.Call, e.Odd)
}

func oddAnswer(call, odd string) error { return &OddAnswerError{Call: call, Odd: odd} }

// watchdog ends a request that nothing is heard of.
type watchdog struct {
	timer *time.Timer
	limit time.Duration
	over  atomic.Bool
}

func (w *watchdog) stop() {
	w.over.Store(true)
	w.timer.Stop()
}

// upload is a request's body: while it is sent, no answer can come.
type upload struct {
	io.ReadCloser
	w *watchdog
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if !u.w.over.Load() {
		u.w.timer.Reset(u.w.limit)
	}
	return n, err
}

// answer is a response's body, each read of which has a limit.
type answer struct {
	io.ReadCloser
	w           *watchdog
	ctx, parent context.Context
	cancel      func()
	idle        time.Duration
}

func (a *answer) Read(p []byte) (int, error) {
	if a.idle > 0 { // while the reader does something else, the engine is not to blame
		a.w.timer.Reset(a.idle)
		defer a.w.timer.Stop()
	}
	n, err := a.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = reasonOf(a.ctx, a.parent, err)
	}
	return n, err
}

func (a *answer) Close() error {
	a.w.stop()
	err := a.ReadCloser.Close()
	a.cancel()
	return err
}

// reasonOf tells the end of our patience from other errors.
func reasonOf(ctx, parent context.Context, err error) error {
	if cause := (*NoAnswerError)(nil); parent.Err() == nil && errors.As(context.Cause(ctx), &cause) {
		return cause
	}
	return err
}
