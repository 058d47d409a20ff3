package prometheus

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

// Raised is an alert as the stack's own rules describe it.
type Raised struct {
	Name     string            `json:"name"`
	State    string            `json:"state"`    // "firing", or "pending" while it has not lasted long enough
	Severity string            `json:"severity"` // "critical" or "warning", of the stack's own rules
	Since    time.Time         `json:"since"`
	Value    string            `json:"value"`
	Summary  string            `json:"summary"`
	Next     string            `json:"next,omitempty"` // what to do
	Labels   map[string]string `json:"labels,omitempty"`
}

// Firing reports whether the alert fires.
func (a Raised) Firing() bool { return a.State == Firing }

// Critical reports whether something does not work.
func (a Raised) Critical() bool { return a.Severity == "critical" }

// Worst lists the alerts, the worst first: those that fire before those that are about to, critical ones before others.
func (c *Client) Worst(ctx context.Context) ([]Raised, error) {
	found, err := c.Alerts(ctx)
	if err != nil {
		return nil, err
	}
	var alerts []Raised
	for _, a := range found {
		alerts = append(alerts, raised(a))
	}
	slices.SortStableFunc(alerts, func(a, b Raised) int {
		return cmp.Or(first(a.Firing(), b.Firing()), first(a.Critical(), b.Critical()), a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name))
	})
	return alerts, nil
}

// first orders what has a property before what has not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func raised(a Alert) Raised {
	alert := Raised{
		Name: string(a.Labels[model.AlertNameLabel]), State: a.State, Severity: string(a.Labels["severity"]), Since: a.ActiveAt,
		Value: a.Value, Summary: string(a.Annotations["summary"]), Next: string(a.Annotations["next"]), Labels: map[string]string{},
	}
	for name, value := range a.Labels {
		if name != model.AlertNameLabel && name != "severity" {
			alert.Labels[string(name)] = string(value)
		}
	}
	return alert
}
