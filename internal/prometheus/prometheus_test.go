//go:build unix

package prometheus

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/prometheus/prometheustest"
)

const (
	config = `
global: {scrape_interval: 200ms, evaluation_interval: 200ms}
rule_files: [rules.yml]
`
	rules = `
groups:
  - name: test
    rules:
      - {record: answer, expr: "vector(42)"}
      - {alert: Always, expr: "vector(1) > 0", labels: {severity: page}, annotations: {summary: "it always fires"}}
`
)

func dialer(address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "tcp", address) }
}

func TestRealPrometheus(t *testing.T) {
	c := New(dialer(prometheustest.Start(t, config, rules)))
	defer c.Close()
	ctx := t.Context()
	deadline := time.Now().Add(20 * time.Second)
	for {
		vector, err := c.Instant(ctx, "answer", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(vector) == 1 && vector[0].Value == 42 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %v, want 42", vector)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if vector, err := c.Instant(ctx, "scalar(answer) + 1", time.Now()); err != nil || len(vector) != 1 || vector[0].Value != 43 {
		t.Errorf("a single number: got %v, %v", vector, err)
	}
	now := time.Now()
	matrix, err := c.Range(ctx, "answer", now.Add(-time.Minute), now, time.Second)
	if err != nil || len(matrix) != 1 || len(matrix[0].Values) == 0 {
		t.Errorf("a range: got %v, %v", matrix, err)
	}
	alerts, err := c.Alerts(ctx)
	if err != nil || len(alerts) != 1 || alerts[0].State != Firing {
		t.Errorf("alerts: got %v, %v", alerts, err)
	}
	if _, err := c.Instant(ctx, "sum(", now); err == nil || !strings.Contains(err.Error(), "sum(") {
		t.Errorf("a query that cannot be read: got %v", err)
	}
	if _, err := c.Instant(ctx, "answer[5m]", now); err == nil || !strings.Contains(err.Error(), "ask for a vector") {
		t.Errorf("a matrix: got %v", err)
	}
	if _, err := c.Range(ctx, "answer", now.Add(-24*time.Hour), now, time.Second); err == nil || !strings.Contains(err.Error(), "steps") {
		t.Errorf("too many steps: got %v", err)
	}
	maxAnswer = 10
	defer func() { maxAnswer = 32 << 20 }()
	if _, err := c.Instant(ctx, "answer", now); !errors.Is(err, ErrLong) {
		t.Errorf("a long answer: got %v", err)
	}
}

type fake struct{ exists, running bool }

func (f fake) ServiceState(context.Context, string, string) (exists, running bool, err error) {
	return f.exists, f.running, nil
}

func (f fake) DialService(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("no tunnel")
}

func TestOff(t *testing.T) {
	for _, c := range []struct {
		engine fake
		want   string
	}{
		{fake{}, "stackctl up --with monitoring"},
		{fake{exists: true}, "it does not run"},
		{fake{exists: true, running: true}, "no tunnel"},
	} {
		client := Reach(c.engine, "shop")
		_, err := client.Alerts(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, new(*OffError)) == c.engine.running {
			t.Errorf("%+v: got %v", c.engine, err)
		}
		client.Close()
	}
}

func TestDeadline(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := New(dialer(l.Addr().String()))
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Alerts(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a Prometheus that does not answer: got %v", err)
	}
}
