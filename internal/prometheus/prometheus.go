// Package prometheus asks the stack's Prometheus, which is not published: it is reached through a tunnel, as Redis is.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Service is Prometheus's name in the stack.
const Service = "prometheus"

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

// Client asks one Prometheus.
type Client struct {
	api       v1.API
	transport *http.Transport
}

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
	transport := &http.Transport{
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxConnsPerHost: maxConnections, MaxIdleConnsPerHost: maxConnections, IdleConnTimeout: idleTimeout,
		ResponseHeaderTimeout: callTimeout,
	}
	client, err := api.NewClient(api.Config{Address: "http://" + address, RoundTripper: bounded{transport}})
	if err != nil {
		panic(err) // the address is a constant
	}
	return &Client{api: v1.NewAPI(client), transport: transport}
}

// Close closes the connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Instant evaluates a query at one time. Its answer must be a vector or a single number.
func (c *Client) Instant(ctx context.Context, query string, at time.Time) (model.Vector, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	value, _, _, err := c.api.Query(ctx, query, at, v1.WithTimeout(queryTimeout))
	if err != nil {
		return nil, explain("asking Prometheus", query, err)
	}
	switch value := value.(type) {
	case model.Vector:
		return value, nil
	case *model.Scalar:
		return model.Vector{{Metric: model.Metric{}, Value: value.Value, Timestamp: value.Timestamp}}, nil
	}
	return nil, fmt.Errorf("asking Prometheus: %s: the answer is a %s; ask for a vector", query, value.Type())
}

// Range evaluates a query at each step of a time range.
func (c *Client) Range(ctx context.Context, query string, start, end time.Time, step time.Duration) (model.Matrix, error) {
	if step <= 0 || end.Before(start) || end.Sub(start)/step >= maxPoints {
		return nil, fmt.Errorf("asking Prometheus: %s to %s in steps of %s: use a range of less than %d steps", start.Format(time.DateTime), end.Format(time.DateTime), step, maxPoints)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	value, _, _, err := c.api.QueryRange(ctx, query, v1.Range{Start: start, End: end, Step: step}, v1.WithTimeout(queryTimeout))
	if err != nil {
		return nil, explain("asking Prometheus", query, err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("asking Prometheus: %s: the answer is a %s; ask for a matrix", query, value.Type())
	}
	return matrix, nil
}

// Alerts lists the alerts that fire or are about to.
func (c *Client) Alerts(ctx context.Context) ([]v1.Alert, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := c.api.Alerts(ctx)
	if err != nil {
		return nil, explain("asking Prometheus for its alerts", "", err)
	}
	return found.Alerts, nil
}

// explain leaves out of an error what the transport adds to it.
func explain(what, query string, err error) error {
	off := new(OffError)
	if errors.As(err, &off) {
		return off
	}
	if refused := new(v1.Error); errors.As(err, &refused) && refused.Type == v1.ErrBadData && query != "" {
		return fmt.Errorf("%s: %s: %w", what, query, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// ErrLong says that an answer was longer than what is read.
var ErrLong = errors.New("the answer is too long; ask for fewer series or fewer steps")

// bounded is a transport that reads no more than maxAnswer of an answer.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err == nil {
		response.Body = &boundedBody{ReadCloser: response.Body, left: maxAnswer}
	}
	return response, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
