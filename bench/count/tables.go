package count

import (
	"fmt"
	"strconv"

	"stackctl.dev/stackctl/bench/report"
)

const reading = `### How the counter is measured

- wrk asks on keep-alive connections, each as soon as it has its answer (1 thread below c = 64, else 2; c is the number of connections); wrk and
  everything that it measures share the cores. A measurement lasts %s.
- In each round everything is measured once for each c, in a shuffled order, first with one replica, then with the history in PostgreSQL, then with three replicas.
  A ratio is made within a round; the bars look at the median of the rounds' ratios.
- A feature is on for one of its two rows and off for the other, in a shuffled order, after 8 s of load each.
- "published" is 127.0.0.1 and the published port, so through the engine's userland proxy; "direct" is the container's
  address on the bridge, from the host. Like is compared with like.
- Redis fsyncs every write.
- The counter is read before and after each measurement of ` + "`/count`" + `: it has to have moved by the requests that wrk has seen answered,
  and by no more than those plus the c that were in flight at the end. A measurement in which it has not is listed as failed.
- "errors" are answers with a status that is not 2xx or 3xx, and socket errors, of all rounds.
- Memory is the web tier's own (rss of its cgroup; no page cache), right after each run of ` + "`/count`" + ` at c = 512.
`

// tables are the section's: the bars, and what they are about.
func (c *counting) tables() string {
	lines := [][]string{{"what", "path", "c", fmt.Sprintf("requests/s, median of %d (min..max)", c.Runs), "p50, ms", "p99, ms", "errors"}}
	for _, s := range c.stages {
		for _, n := range s.connections {
			for _, t := range s.targets {
				lines = append(lines, c.line(spot{t.what, t.path, n}))
			}
		}
	}
	return c.barTable() + "\n### Side by side\n\n" + report.Markdown(lines) + report.List("Failed:", c.failures)
}

func (c *counting) line(at spot) []string {
	line := []string{at.what, at.path, strconv.Itoa(at.connections)}
	if len(c.samples[at]) == 0 {
		return append(line, "failed", "-", "-", "-")
	}
	return append(line, report.Spread(c.all(at, rateOf), report.Unit("/s").Number), report.Milliseconds.Number(report.Median(c.all(at, p50Of))),
		report.Milliseconds.Number(report.Median(c.all(at, p99Of))), c.errors(at))
}

func rateOf(s sample) float64 { return s.rate }
func p50Of(s sample) float64  { return s.p50 }
func p99Of(s sample) float64  { return s.p99 }

// all lists a number of each round's sample.
func (c *counting) all(at spot, of func(sample) float64) []float64 {
	var values []float64
	for round := range c.Runs {
		if s, ok := c.samples[at][round]; ok {
			values = append(values, of(s))
		}
	}
	return values
}

func (c *counting) errors(at spot) string {
	var bad, broken int64
	for _, s := range c.samples[at] {
		bad, broken = bad+s.bad, broken+s.broken
	}
	if bad+broken == 0 {
		return "0"
	}
	return fmt.Sprintf("%s answers, %s sockets", report.Thousands(bad), report.Thousands(broken))
}
