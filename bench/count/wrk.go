package count

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/internal/store"
)

// restLimit bounds the wait for visits that were still in flight when wrk ended.
const restLimit = 15 * time.Second

// wrkReport is called by wrk at its end, with times in microseconds.
const wrkReport = `done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\n{"Micros": %d, "Requests": %d, "Bad": %d, "Broken": %d, "P50": %d, "P99": %d}',
    summary.duration, summary.requests, e.status, e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`

// wrk requests a URL for a while; each connection sends its next request as soon as it has a response.
func (c *counting) wrk(ctx context.Context, url string, connections int, period time.Duration) (sample, error) {
	threads := 1
	if connections >= 64 {
		threads = 2
	}
	script, err := c.TempFile("report.lua", []byte(wrkReport))
	if err != nil {
		return sample{}, err
	}
	out, err := c.Program("wrk").Output(ctx,
		"-s", script, "--timeout", "10s", "-t", strconv.Itoa(threads), "-c", strconv.Itoa(connections), "-d", fmt.Sprintf("%.0fs", period.Seconds()), url)
	if err != nil {
		return sample{}, err
	}
	s, err := parseWrk(out)
	if err != nil {
		return s, fmt.Errorf("reading what wrk printed about %q: %w", url, err)
	}
	return s, nil
}

// parseWrk reads what wrkReport has written in the last line.
func parseWrk(out []byte) (sample, error) {
	var r struct{ Micros, Requests, Bad, Broken, P50, P99 int64 }
	if err := json.Unmarshal(out[bytes.LastIndexByte(out, '\n')+1:], &r); err != nil {
		return sample{}, err
	}
	if r.Requests == 0 || r.Micros == 0 {
		return sample{}, fmt.Errorf("no request was answered; socket errors: %d", r.Broken)
	}
	return sample{
		rate: float64(r.Requests) / float64(r.Micros) * 1e6, p50: float64(r.P50) / 1e3, p99: float64(r.P99) / 1e3,
		requests: r.Requests, bad: r.Bad, broken: r.Broken,
	}, nil
}

// counted requests /count and checks the number of visits in Redis: all that wrk saw answered, and at most those in flight when it
// ended.
func (c *counting) counted(ctx context.Context, url string, connections int, period time.Duration) (sample, error) {
	before, err := c.restingVisits(ctx)
	if err != nil {
		return sample{}, err
	}
	s, err := c.wrk(ctx, url, connections, period)
	if err != nil {
		return s, err
	}
	after, err := c.restingVisits(ctx)
	if err != nil {
		return s, err
	}
	return s, s.checkVisits(after-before, connections)
}

// checkVisits compares what was counted with what was answered. A visit whose answer was an error, or was lost, may be
// counted or not.
func (s sample) checkVisits(counted int64, connections int) error {
	if low, high := s.requests-s.bad, s.requests+s.broken+int64(connections); counted < low || counted > high {
		return fmt.Errorf("checking the counter: it moved by %d; %d to %d is right", counted, low, high)
	}
	return nil
}

// restingVisits returns the counter once it no longer changes.
func (c *counting) restingVisits(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, restLimit)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	last := int64(-1)
	for {
		n, err := c.redis.Get(ctx, store.VisitsKey).Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return 0, fmt.Errorf("reading key %q: %w", store.VisitsKey, err)
		}
		if n == last {
			return n, nil
		}
		last = n
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("waiting until key %q stands still: %w", store.VisitsKey, ctx.Err())
		case <-ticker.C:
		}
	}
}
