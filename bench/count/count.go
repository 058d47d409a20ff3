// Package count measures what a visit costs: requests per second and latencies of /count, by connections and replicas.
package count

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"stackctl.dev/stackctl/bench/report"
	"stackctl.dev/stackctl/bench/rig"
)

// What is measured, and by which path.
const (
	nginxCount = "nginx `/count`"
	nginxRoot  = "nginx `/`"
	webCount   = "web `/count`"
	webRoot    = "web `/`"
	database   = ", with the history in PostgreSQL"
	three      = ", replicas: 3" // follows what is measured of more than one
	with       = ", with "       // follows what is measured with a feature that is on, or off
	without    = ", without "

	byPort   = "published"
	byBridge = "direct"
)

// counting has the state that the measurements share.
type counting struct {
	*rig.Rig
	project  string
	stackctl rig.Program // with the embedded stack
	redis    *redis.Client
	period   time.Duration

	stages   []stage
	samples  map[spot]map[int]sample // by round
	memory   []float64               // of web after each run with the most connections, in MB
	failures []string
}

// stage is what is measured with a number of replicas, of each target with each number of connections.
type stage struct {
	replicas    int
	connections []int
	targets     []target
	database    bool   // with the feature of that name
	feature     string // that is turned on for one of the targets, and off for the other; "" is none
}

// features are those whose cost is measured, and the share of the requests that has to be left.
var features = []struct {
	name string
	left float64
}{{"monitoring", 0.95}}

// target is a URL under load.
type target struct {
	what, path, url string
	counts          bool // each request is a visit
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

// Check returns an error if something is missing, before anything is measured.
func Check() error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return fmt.Errorf("looking for wrk, which measures the counter: %w; install it (`apt-get install wrk`) or name the other subjects", err)
	}
	return nil
}

// Measure makes the section; a measurement lasts a period.
func Measure(ctx context.Context, r *rig.Rig, period time.Duration) (report.Section, error) {
	section := r.Section(ctx, "count", "The counter", fmt.Sprintf(reading, period))
	if !r.Engine.Local() {
		return section, errors.New("measuring the counter: the engine is on another machine, whose containers' addresses are not to be reached")
	}
	c := &counting{Rig: r, project: r.Project("count"), period: period, samples: map[spot]map[int]sample{}}
	fmt.Fprintln(r.Progress, "counter: starting the stack")
	if err := c.startStack(ctx); err != nil {
		return section, err
	}
	defer func() { _ = c.redis.Close() }()
	for round := range r.Runs {
		for _, s := range c.stages {
			if err := c.measureStage(ctx, s, round); err != nil {
				return section, err
			}
		}
	}
	section.Body = c.tables()
	return section, nil
}

// measureStage measures all targets with one number of connections before the next: results that are compared are measured close together.
func (c *counting) measureStage(ctx context.Context, s stage, round int) error {
	flag := "--without"
	if s.database {
		flag = "--with"
	}
	if _, err := c.stackctl.Output(ctx, "up", flag, "database"); err != nil {
		return err
	}
	if err := c.scale(ctx, s.replicas); err != nil {
		return err
	}
	for _, connections := range s.connections {
		for _, t := range shuffled(s.targets) {
			if err := c.turn(ctx, s.feature, t.what); err != nil {
				return err
			}
			if err := c.measure(ctx, t, connections, round); err != nil {
				return err
			}
			if !t.counts || s.feature != "" || s.replicas > 1 || connections != slices.Max(s.connections) {
				continue
			}
			used, err := c.webMemory(ctx)
			if err != nil {
				return err
			}
			c.memory = append(c.memory, used)
		}
	}
	return c.turn(ctx, s.feature, "") // off
}

// measure records a sample. If the measurement fails there is a gap, and the report says so.
func (c *counting) measure(ctx context.Context, t target, connections, round int) error {
	at := spot{t.what, t.path, connections}
	limited, cancel := context.WithTimeout(ctx, rig.MeasureLimit)
	defer cancel()
	measure := c.wrk
	if t.counts {
		measure = c.counted
	}
	s, err := measure(limited, t.url, connections, c.period)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		failure := fmt.Sprintf("%s, %s, c = %d, round %d: %s", at.what, at.path, connections, round+1, c.Short(err))
		fmt.Fprintln(c.Progress, "failed:", failure)
		c.failures = append(c.failures, failure)
		return nil
	}
	if c.samples[at] == nil {
		c.samples[at] = map[int]sample{}
	}
	c.samples[at][round] = s
	fmt.Fprintf(c.Progress, "round %d of %d, c = %d, %s, %s: %.0f/s\n", round+1, c.Runs, connections, at.what, at.path, s.rate)
	return nil
}

func shuffled[T any](list []T) []T {
	list = slices.Clone(list)
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
