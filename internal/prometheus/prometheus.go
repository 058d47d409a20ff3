// Package prometheus asks the stack's Prometheus, which is not published: it is reached through a tunnel, as Redis is.
package prometheus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Service is Prometheus's name in the stack.
const Service = "prometheus"

// Feature is what turns it on.
const Feature = "monitoring"

// address is where it listens, as seen from inside the project.
const address = Service + ":9090"

const (
	// callTimeout bounds one question, with the opening of a tunnel.
	callTimeout = 15 * time.Second
	// queryTimeout is what Prometheus itself may take; then it says so, which is better than no answer.
	queryTimeout = 10 * time.Second
	// maxConnections bounds the tunnels: each is a process in a container of the web tier.
	maxConnections = 2
	idleTimeout    = 30 * time.Second
	// maxPoints bounds the points of one series of a range; Prometheus itself refuses more than 11,000.
	maxPoints = 11000
)

// maxAnswer bounds an answer, in bytes; a variable for the tests.
var maxAnswer int64 = 32 << 20

// Engine is where a project's Prometheus runs.
type Engine interface {
	// ServiceState reports whether the project has containers of the service, and whether one of them runs.
	ServiceState(ctx context.Context, project, service string) (exists, running bool, err error)
	// DialService connects to an address in the project's network.
	DialService(ctx context.Context, project, address string) (net.Conn, error)
}

// OffError says that the project has no Prometheus that runs.
type OffError struct {
	Project string
	Stopped bool // it has one, and it does not run
}

func (e *OffError) Error() string {
	if e.Stopped {
		return fmt.Sprintf("reaching Prometheus of project %q: it does not run; start it with `stackctl up`; `stackctl logs %s` may say why it stopped", e.Project, Service)
	}
	return fmt.Sprintf("reaching Prometheus of project %q: monitoring is off; turn it on with `stackctl up --with monitoring`", e.Project)
}

// Client asks one Prometheus. It is written here, because client_golang's reads JSON with json-iterator, for which the linker keeps every
// method of every type: the program would be 12 MB larger.
type Client struct{ http http.Client }

// Reach returns a client of a project's Prometheus. It is looked up for each connection, so that the client outlives changes of the stack.
func Reach(e Engine, project string) *Client {
	return New(func(ctx context.Context) (net.Conn, error) {
		exists, running, err := e.ServiceState(ctx, project, Service)
		if err != nil {
			return nil, err
		}
		if !running {
			return nil, &OffError{Project: project, Stopped: exists}
		}
		return e.DialService(ctx, project, address)
	})
}

// New returns a client of the Prometheus that dial connects to.
func New(dial func(ctx context.Context) (net.Conn, error)) *Client {
	return &Client{http.Client{Transport: &http.Transport{
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxConnsPerHost: maxConnections, MaxIdleConnsPerHost: maxConnections, IdleConnTimeout: idleTimeout,
		ResponseHeaderTimeout: callTimeout,
	}}}
}

// Close closes the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Alert is an alert that fires, or is about to.
type Alert struct {
	Labels      model.LabelSet `json:"labels"`
	Annotations model.LabelSet `json:"annotations"`
	State       string         `json:"state"` // pending or Firing
	ActiveAt    time.Time      `json:"activeAt"`
	Value       string         `json:"value"`
}

// Firing is the state of an alert that fires.
const Firing = "firing"

// RefusedError is Prometheus's own answer that it cannot do what was asked, such as to read a query.
type RefusedError struct{ Type, Text string }

func (e *RefusedError) Error() string { return e.Text }

// answer is what the API answers (https://prometheus.io/docs/prometheus/latest/querying/api/).
type answer struct {
	Status    string          `json:"status"`
	Data      json.RawMessage `json:"data"`
	ErrorType string          `json:"errorType"`
	Error     string          `json:"error"`
}

// result is the data of a query.
type result struct {
	Type  string          `json:"resultType"`
	Value json.RawMessage `json:"result"`
}

// Instant evaluates a query at one time. Its answer must be a vector or a single number.
func (c *Client) Instant(ctx context.Context, query string, at time.Time) (model.Vector, error) {
	var found result
	if err := c.ask(ctx, "query", url.Values{"query": {query}, "time": {stamp(at)}, "timeout": {queryTimeout.String()}}, &found); err != nil {
		return nil, fmt.Errorf("asking Prometheus: %s: %w", query, err)
	}
	switch found.Type {
	case "vector":
		var vector model.Vector
		return vector, read(found.Value, &vector)
	case "scalar":
		var scalar model.Scalar
		err := read(found.Value, &scalar)
		return model.Vector{{Metric: model.Metric{}, Value: scalar.Value, Timestamp: scalar.Timestamp}}, err
	}
	return nil, fmt.Errorf("asking Prometheus: %s: the answer is a %s; ask for a vector", query, found.Type)
}

// Range evaluates a query at each step of a time range.
func (c *Client) Range(ctx context.Context, query string, start, end time.Time, step time.Duration) (model.Matrix, error) {
	if step <= 0 || end.Before(start) || end.Sub(start)/step >= maxPoints {
		return nil, fmt.Errorf("asking Prometheus: %s to %s in steps of %s: use a range of less than %d steps", start.Format(time.DateTime), end.Format(time.DateTime), step, maxPoints)
	}
	var found result
	values := url.Values{
		"query": {query}, "start": {stamp(start)}, "end": {stamp(end)}, "timeout": {queryTimeout.String()},
		"step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	}
	if err := c.ask(ctx, "query_range", values, &found); err != nil {
		return nil, fmt.Errorf("asking Prometheus: %s: %w", query, err)
	}
	var matrix model.Matrix
	if found.Type != "matrix" {
		return nil, fmt.Errorf("asking Prometheus: %s: the answer is a %s; ask for a matrix", query, found.Type)
	}
	return matrix, read(found.Value, &matrix)
}

// Alerts lists the alerts that fire or are about to.
func (c *Client) Alerts(ctx context.Context) ([]Alert, error) {
	var found struct {
		Alerts []Alert `json:"alerts"`
	}
	if err := c.ask(ctx, "alerts", nil, &found); err != nil {
		return nil, fmt.Errorf("asking Prometheus for its alerts: %w", err)
	}
	return found.Alerts, nil
}

// stamp is a time as the API takes it, in seconds.
func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// ask sends one question, with a form if it has one, and reads the data of its answer.
func (c *Client) ask(ctx context.Context, what string, form url.Values, data any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+"/api/v1/"+what, body)
	if err != nil {
		return err
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := c.http.Do(request)
	if err != nil {
		if failed := new(url.Error); errors.As(err, &failed) {
			err = failed.Err // the address says nothing: it is no real one
		}
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return err
	case int64(len(content)) > maxAnswer:
		return ErrLong
	}
	var a answer
	if err := json.Unmarshal(content, &a); err != nil {
		return fmt.Errorf("it answers %s: %w", response.Status, err)
	}
	if a.Status != "success" {
		return &RefusedError{a.ErrorType, cmp.Or(a.Error, "it answers "+response.Status)}
	}
	return read(a.Data, data)
}

func read(content json.RawMessage, value any) error {
	if err := json.Unmarshal(content, value); err != nil {
		return fmt.Errorf("reading Prometheus's answer: %w", err)
	}
	return nil
}

// ErrLong says that an answer was longer than what is read.
var ErrLong = errors.New("the answer is too long; ask for fewer series or fewer steps")
