package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	// countTogether are the connections at which everything is measured side by side.
	countTogether = []int{1, 64, 512}
	// countConnections and countReplicas are where the cost of growth is measured; each count of replicas at countLoads.
	countConnections = []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	countReplicas    = []int{1, 2, 3, 4}
	countLoads       = []int{64, 512}
)

// counting measures what a visit costs. Its tables have their own rows.
type counting struct {
	*bench
	ours     *ours
	plain    string // project of the nginx that returns 200
	seedName string // project of the seed's stack
	replicas int    // that run now
	period   time.Duration
	facts    []fact
	commit   string

	targets  []target
	growing  []target // what is measured by connections and by replicas
	redises  []*redis.Client
	samples  map[spot]map[int]sample // by round
	memory   []float64               // of web after each run with the most connections side by side, in MB
	failures []string

	web     string // the web tier's image
	restore func(ctx context.Context, used string) error
}

// target is something that is asked over and over.
type target struct {
	what, path string
	measure    func(ctx context.Context, connections int) (sample, error)
	remembers  bool // the web tier's memory after it counts
}

// spot is one line of a table.
type spot struct {
	what, path  string
	connections int
}

// sample is one measurement of a spot.
type sample struct {
	rate     float64 // requests/s
	p50, p99 float64 // in ms
	requests int64   // answered
	bad      int64   // of them, those with an error's status
	broken   int64   // socket errors
}

// needCountTools says before anything is measured what would be missing at the end.
func needCountTools() error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return fmt.Errorf("looking for wrk, which measures the counter: %w; install it (`apt-get install wrk`) or use -count no", err)
	}
	return nil
}

// measureCount makes the section about the counter.
func (b *bench) measureCount(ctx context.Context, binary string) (*counting, error) {
	table := &bench{options: b.options, engine: b.engine, dir: b.dir, progress: b.progress}
	c := &counting{
		bench: table, plain: projectPrefix + "plain", seedName: projectPrefix + "countseed",
		period: time.Duration(b.countSeconds) * time.Second, samples: map[spot]map[int]sample{},
		facts: machineFacts(ctx, b.engine), commit: commit(ctx),
	}
	defer c.cleanUp(ctx)
	if err := c.prepare(ctx, binary); err != nil {
		return nil, err
	}
	for round := range c.countRounds {
		for _, part := range []func(context.Context, int) error{c.measureTogether, c.measureConnections, c.measureReplicas} {
			if err := part(ctx, round); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// measureTogether measures every target once for each number of connections: what is compared is measured close together.
func (c *counting) measureTogether(ctx context.Context, round int) error {
	for _, connections := range countTogether {
		for _, t := range shuffled(c.targets) {
			if err := c.measure(ctx, t, "", connections, round); err != nil {
				return err
			}
			if !t.remembers || connections != slices.Max(countTogether) {
				continue
			}
			used, err := c.webMemory(ctx)
			if err != nil {
				return err
			}
			c.memory = append(c.memory, used)
		}
	}
	return nil
}

func (c *counting) measureConnections(ctx context.Context, round int) error {
	for _, connections := range shuffled(countConnections) {
		for _, t := range shuffled(c.growing) {
			if err := c.measure(ctx, t, byConnections, connections, round); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *counting) measureReplicas(ctx context.Context, round int) error {
	for _, replicas := range shuffled(countReplicas) {
		if err := c.scale(ctx, replicas); err != nil {
			return err
		}
		for _, connections := range countLoads {
			for _, t := range shuffled(c.growing) {
				if err := c.measure(ctx, t, byReplicas(replicas), connections, round); err != nil {
					return err
				}
			}
		}
	}
	return c.scale(ctx, 1)
}

// byConnections and byReplicas tell the measurements of the tables about growth from those side by side.
const byConnections = ", one replica"

func byReplicas(n int) string { return fmt.Sprintf(", replicas: %d", n) }

// measure takes down a sample. A measurement that fails leaves a gap, and the report says so.
func (c *counting) measure(ctx context.Context, t target, suffix string, connections, round int) error {
	at := spot{t.what + suffix, t.path, connections}
	limited, cancel := context.WithTimeout(ctx, c.period+measureLimit)
	defer cancel()
	s, err := t.measure(limited, connections)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		failure := fmt.Sprintf("%s, %s, c = %d, round %d: %s", at.what, at.path, connections, round+1, lastLine(err.Error()))
		fmt.Fprintln(c.progress, "failed:", failure)
		c.failures = append(c.failures, failure)
		return nil
	}
	if c.samples[at] == nil {
		c.samples[at] = map[int]sample{}
	}
	c.samples[at][round] = s
	fmt.Fprintf(c.progress, "round %d of %d, c = %d, %s, %s: %.0f/s\n", round+1, c.countRounds, connections, at.what, at.path, s.rate)
	return nil
}

func shuffled[T any](list []T) []T {
	list = slices.Clone(list)
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// cleanUp removes everything that was started, even after Ctrl-C.
func (c *counting) cleanUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	var errs []error
	for _, rdb := range c.redises {
		errs = append(errs, rdb.Close())
	}
	// The plain nginx is on the stack's network.
	for _, project := range []string{c.plain, c.seedName, projectPrefix + "count"} {
		errs = append(errs, c.purge(ctx, project))
	}
	if c.web != "" { // only now: an image in use cannot be removed
		errs = append(errs, c.restore(ctx, c.web))
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(c.progress, "bench: cleaning up:", strings.ReplaceAll(err.Error(), c.dir, "…"))
	}
}
