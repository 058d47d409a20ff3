package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/internal/store"
)

const (
	// settleLimit bounds the wait for the visits that were on their way when wrk ended.
	settleLimit = 15 * time.Second
	// benchKey is what redis-benchmark counts in; the visits are left alone.
	benchKey = "bench:x"
	// redisProbe is how many commands tell how many are needed for a whole period.
	redisProbe = 2000
)

// wrk asks a URL for a while, each connection as soon as it has its answer.
func (c *counting) wrk(ctx context.Context, url string, connections int, period time.Duration) (sample, error) {
	threads := 1
	if connections >= 64 {
		threads = 2
	}
	out, err := program{command: []string{"wrk"}, dir: c.dir, env: c.environment()}.output(ctx,
		"--latency", "--timeout", "10s", "-t", strconv.Itoa(threads), "-c", strconv.Itoa(connections), "-d", fmt.Sprintf("%.0fs", period.Seconds()), url)
	if err != nil {
		return sample{}, err
	}
	s, err := parseWrk(string(out))
	if err != nil {
		return s, fmt.Errorf("reading what wrk printed about %q: %w", url, err)
	}
	return s, nil
}

// counted asks /count and makes sure that every visit is in Redis: those that wrk has seen answered, and at most those
// on their way when it ended.
func (c *counting) counted(ctx context.Context, rdb *redis.Client, url string, connections int) (sample, error) {
	before, err := settledVisits(ctx, rdb)
	if err != nil {
		return sample{}, err
	}
	s, err := c.wrk(ctx, url, connections, c.period)
	if err != nil {
		return s, err
	}
	after, err := settledVisits(ctx, rdb)
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

// settledVisits is the counter once it stands still.
func settledVisits(ctx context.Context, rdb *redis.Client) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	last := int64(-1)
	for {
		n, err := rdb.Get(ctx, store.VisitsKey).Int64()
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

// redisBenchmark counts in Redis itself, one command at a time on each connection, for about a period.
func (c *counting) redisBenchmark(rdb *redis.Client, host string) func(context.Context, int) (sample, error) {
	tool := program{command: []string{"redis-benchmark", "-h", host, "--csv"}, dir: c.dir, env: c.environment()}
	return func(ctx context.Context, connections int) (s sample, err error) {
		defer func() {
			if deleted := rdb.Del(ctx, benchKey).Err(); deleted != nil {
				err = errors.Join(err, fmt.Errorf("deleting key %q: %w", benchKey, deleted))
			}
		}()
		n := redisProbe
		for range 2 {
			out, err := tool.output(ctx, "-c", strconv.Itoa(connections), "-n", strconv.Itoa(n), "INCR", benchKey)
			if err != nil {
				return s, err
			}
			if s, err = parseRedisBenchmark(string(out)); err != nil {
				return s, fmt.Errorf("reading what redis-benchmark printed: %w", err)
			}
			s.requests = int64(n)
			n = max(redisProbe, int(s.rate*c.period.Seconds()))
		}
		return s, nil
	}
}

// parseRedisBenchmark reads a line of names and a line of values.
func parseRedisBenchmark(out string) (sample, error) {
	reader := csv.NewReader(strings.NewReader(out))
	records, err := reader.ReadAll()
	if err != nil {
		return sample{}, err
	}
	if len(records) != 2 {
		return sample{}, fmt.Errorf("it has %d lines, not 2", len(records))
	}
	values := map[string]string{}
	for i, name := range records[0] {
		values[name] = records[1][i]
	}
	var s sample
	for name, to := range map[string]*float64{"rps": &s.rate, "p50_latency_ms": &s.p50, "p99_latency_ms": &s.p99} {
		if *to, err = strconv.ParseFloat(values[name], 64); err != nil {
			return s, fmt.Errorf("reading column %q: %w", name, err)
		}
	}
	return s, nil
}

var (
	wrkRequests = regexp.MustCompile(`(?m)^\s*(\d+) requests in `)
	wrkRate     = regexp.MustCompile(`(?m)^Requests/sec:\s*([\d.]+)$`)
	wrkLatency  = regexp.MustCompile(`(?m)^\s*(50|99)%\s+([\d.]+)(us|ms|s|m|h)$`)
	wrkSockets  = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
	wrkBad      = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

// parseWrk reads the summary that wrk prints at its end.
func parseWrk(out string) (sample, error) {
	var s sample
	requests, rate := wrkRequests.FindStringSubmatch(out), wrkRate.FindStringSubmatch(out)
	latencies := wrkLatency.FindAllStringSubmatch(out, -1)
	if requests == nil || rate == nil {
		return s, errors.New("it has no number of requests")
	}
	s.requests, s.broken, s.bad = integers(requests), integers(wrkSockets.FindStringSubmatch(out)), integers(wrkBad.FindStringSubmatch(out))
	if s.requests == 0 {
		return s, fmt.Errorf("no request was answered; socket errors: %d", s.broken)
	}
	if len(latencies) != 2 {
		return s, errors.New("it lacks a latency")
	}
	var err error
	if s.rate, err = strconv.ParseFloat(rate[1], 64); err != nil {
		return s, err
	}
	for i, to := range []*float64{&s.p50, &s.p99} {
		d, err := time.ParseDuration(latencies[i][2] + latencies[i][3])
		if err != nil {
			return s, err
		}
		*to = milli(d)
	}
	return s, nil
}

// integers adds up what the groups of a match have; no match is 0.
func integers(match []string) (sum int64) {
	for _, text := range match[min(1, len(match)):] {
		n, _ := strconv.ParseInt(text, 10, 64) // they are digits
		sum += n
	}
	return sum
}
