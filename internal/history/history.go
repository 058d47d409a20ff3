// Package history has the history of visits as others than the tier `archive` read it: its types, and the client that asks the tier by HTTP.
// The page, the commands and the dashboard share it.
package history

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Address is that of the tier in the network of its project, and Service its service.
const (
	Service = "archive"
	Address = Service + ":9105"
)

// The intervals that visits are summed by.
const (
	ByMinute = "minute"
	ByHour   = "hour"
	ByDay    = "day"
)

// Step returns how long an interval is, and false for a name that is none's.
func Step(by string) (time.Duration, bool) {
	switch by {
	case ByMinute:
		return time.Minute, true
	case ByHour:
		return time.Hour, true
	case ByDay:
		return 24 * time.Hour, true
	}
	return 0, false
}

// MaxIntervals bounds an answer: five weeks of minutes.
const MaxIntervals = 50_400

// Interval are the visits of an interval that begins at a time, in UTC.
type Interval struct {
	At     time.Time `json:"at"`
	Visits int64     `json:"visits"`
}

// What an event is.
const (
	Began     = "began"     // the history begins; visits before it have no time
	Reset     = "reset"     // the counter was removed or set to 0
	Changed   = "changed"   // the counter was set to another number, as `reset --undo` does
	Lost      = "lost"      // Redis lost the counter and what was not yet in the history
	Restarted = "restarted" // Redis was restarted; the counter is the same
)

// Event is a change of the counter that was no visit.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	From int64     `json:"from"`
	To   int64     `json:"to"`
}

// Loss is a counter that Redis has lost, while it has not been restored or reset.
type Loss struct {
	At      time.Time `json:"at"`      // when it was found
	Counter int64     `json:"counter"` // what the history knows
	// Margin are the numbers that may have been given out after that, and are skipped.
	Margin int64 `json:"margin"`
}

// State says how far the history is.
type State struct {
	// Counter is the counter that the history ends with; Total all its visits.
	Counter int64 `json:"counter"`
	Total   int64 `json:"total"`
	// Behind are visits that are in Redis only, and Since is when the history last had all of them.
	Behind int64     `json:"behind"`
	Since  time.Time `json:"since"`
	Loss   *Loss     `json:"loss,omitempty"`
}

// Visits is an answer of the tier. Intervals without visits are left out.
type Visits struct {
	By        string     `json:"by"`
	Since     time.Time  `json:"since"`
	Until     time.Time  `json:"until"`
	Total     int64      `json:"total"` // of the intervals
	Intervals []Interval `json:"intervals"`
	Events    []Event    `json:"events"`
	State     State      `json:"state"`
}

// Dialer connects to the tier.
type Dialer func(ctx context.Context) (net.Conn, error)

// Client asks the tier.
type Client struct{ http http.Client }

// timeout bounds a question, and maxAnswer what is read of its answer, in bytes.
const (
	timeout   = 10 * time.Second
	maxAnswer = 8 << 20
)

// NewClient returns a client that connects by dial.
func NewClient(dial Dialer) *Client {
	return &Client{http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			MaxIdleConns:    1,
			IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// AwayError says that PostgreSQL does not answer the tier. State has what is known without it.
type AwayError struct{ State State }

func (e *AwayError) Error() string { return "PostgreSQL does not answer" }

// Visits returns the visits from a time on, summed by an interval.
func (c *Client) Visits(ctx context.Context, since time.Time, by string) (*Visits, error) {
	query := url.Values{"since": {since.UTC().Format(time.RFC3339)}, "by": {by}}
	found := &Visits{}
	return found, c.get(ctx, "/visits?"+query.Encode(), found)
}

// State returns how far the history is.
func (c *Client) State(ctx context.Context) (*State, error) {
	found := &State{}
	return found, c.get(ctx, "/state", found)
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+Address+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking for the history of visits: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("reading the history of visits: %w", err)
	case resp.StatusCode == http.StatusServiceUnavailable:
		away := &AwayError{}
		_ = json.Unmarshal(body, &away.State) // it may be from another program
		return fmt.Errorf("asking for the history of visits: %w", away)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("asking for the history of visits: status %d", resp.StatusCode)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("reading the history of visits: %w", err)
	}
	return nil
}
