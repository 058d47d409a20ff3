package waf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
)

// errInspection marks what went wrong while a response was inspected.
var errInspection = errors.New("inspecting the response")

// inspectRequest has the rules judge a request: nil means that it may go on.
func (g *gate) inspectRequest(x *exchange, r *http.Request) (*types.Interruption, error) {
	begin := time.Now()
	defer func() { x.inspecting += time.Since(begin) }()
	leave, err := g.enter(r.Context())
	if err != nil {
		return nil, err
	}
	defer leave()
	return guarded(func() (*types.Interruption, error) { return x.judgeRequest(g.rules, r) })
}

func (x *exchange) judgeRequest(rules *rules, r *http.Request) (*types.Interruption, error) {
	x.tx = rules.NewTransactionWithID(x.id)
	tx := x.tx
	port := 0
	if _, text, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		port, _ = strconv.Atoi(text)
	}
	tx.ProcessConnection(x.client, port, "", 0)
	tx.ProcessURI(r.RequestURI, r.Method, r.Proto)
	for name, values := range r.Header {
		for _, value := range values {
			tx.AddRequestHeader(name, value)
		}
	}
	// net/http takes these out of the header.
	if r.Host != "" {
		tx.AddRequestHeader("Host", r.Host)
		tx.SetServerName(r.Host)
	}
	for _, coding := range r.TransferEncoding {
		tx.AddRequestHeader("Transfer-Encoding", coding)
	}
	if in := tx.ProcessRequestHeaders(); in != nil {
		return in, nil
	}
	if len(x.body) > 0 && tx.IsRequestBodyAccessible() {
		if in, _, err := tx.WriteRequestBody(x.body); in != nil || err != nil {
			return in, err
		}
	}
	return tx.ProcessRequestBody()
}

// inspectResponse has the rules judge a response of the upstream.
func (g *gate) inspectResponse(resp *http.Response) error {
	x := exchangeOf(resp.Request)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		x.rec.status = resp.StatusCode // written to the connection itself
		return nil
	}
	begin := time.Now()
	in, err := guarded(func() (*types.Interruption, error) {
		for name, values := range resp.Header {
			for _, value := range values {
				x.tx.AddResponseHeader(name, value)
			}
		}
		return x.tx.ProcessResponseHeaders(resp.StatusCode, resp.Proto), nil
	})
	x.inspecting += time.Since(begin)
	if in == nil && err == nil && x.inspectable(resp) {
		in, err = g.inspectResponseBody(x, resp)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errInspection, err)
	case in != nil:
		return errBlocked
	}
	return nil
}

// inspectable reports whether the rules can judge a response's body: it is short, complete and text. Everything else, a stream of
// events for one, passes at once.
func (x *exchange) inspectable(resp *http.Response) bool {
	return 0 < resp.ContentLength && resp.ContentLength <= maxBody && resp.Body != nil && resp.Request.Method != http.MethodHead &&
		resp.Header.Get("Content-Encoding") == "" && isText(resp.Header.Get("Content-Type")) &&
		x.tx.IsResponseBodyAccessible() && x.tx.IsResponseBodyProcessable()
}

func (g *gate) inspectResponseBody(x *exchange, resp *http.Response) (*types.Interruption, error) {
	content := make([]byte, resp.ContentLength)
	n, err := io.ReadFull(resp.Body, content)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(content))
	if err != nil {
		// The client gets what there is, as it would without this tier.
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(content[:n]), broken{err}))
		return nil, nil
	}
	begin := time.Now()
	defer func() { x.inspecting += time.Since(begin) }()
	return guarded(func() (*types.Interruption, error) {
		if in, _, err := x.tx.WriteResponseBody(content); in != nil || err != nil {
			return in, err
		}
		return x.tx.ProcessResponseBody()
	})
}

// broken is the rest of a response that broke off.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// guarded turns a panic of the rules into an error: the request gets a 503, and the process lives.
func guarded(judge func() (*types.Interruption, error)) (in *types.Interruption, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			in, err = nil, fmt.Errorf("the rules panicked: %v\n%s", cause, debug.Stack())
		}
	}()
	return judge()
}

// close ends the transaction and returns the rules that matched, and the anomaly score.
func (x *exchange) close() (matches []types.MatchedRule, score int) {
	if x.tx == nil {
		return nil, 0
	}
	_, _ = guarded(func() (*types.Interruption, error) {
		x.tx.ProcessLogging()
		for _, m := range x.tx.MatchedRules() {
			if m.Message() != "" && !evaluates(m.Rule().ID()) {
				matches = append(matches, m)
			}
		}
		if state, ok := x.tx.(plugintypes.TransactionState); ok && len(matches) > 0 {
			score = number(state, "blocking_inbound_anomaly_score") + number(state, "blocking_outbound_anomaly_score")
		}
		return nil, nil
	})
	_ = x.tx.Close() // removes the temporary files of uploads
	return matches, score
}

// evaluates reports whether a rule finds nothing itself: it prepares the inspection, or adds up what others found.
func evaluates(id int) bool {
	switch id / 1000 {
	case 901, 905, 949, 959, 980:
		return true
	}
	return false
}

func number(state plugintypes.TransactionState, name string) int {
	values := state.Variables().TX().Get(name)
	if len(values) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(values[0])
	return n
}
