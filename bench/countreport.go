package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const countTitle = "## The counter"

const readingCount = `- wrk asks on keep-alive connections, each as soon as it has its answer (1 thread below c = 64, else 2; c is the number of connections); wrk and
  everything that it measures share the cores. A measurement lasts %s.
- In each round everything is measured once for each c, in a shuffled order. So are the numbers of connections and of replicas.
  A ratio is made within a round; the bars look at the median of the rounds' ratios.
- "published" is 127.0.0.1 and the published port, so through the engine's userland proxy; "direct" is the container's
  address on the bridge, from the host. Like is compared with like.
- All of stackctl's rows, and redis-benchmark's, are on one Redis that fsyncs every write; the seed's Redis keeps to its defaults:
  it fsyncs nothing.
- ` + "`return 200`" + ` is a container like stackctl's nginx, limits and access log included, that answers by itself.
- redis-benchmark sends one INCR at a time on each connection. The stack's web tier sends those of many visitors at once.
- The counter is read before and after each measurement of ` + "`/count`" + `: it has to have moved by the requests that wrk has seen answered,
  and by no more than those plus the c that were on their way at the end. A measurement where it has not is listed as failed.
- "errors" are answers with a status that is not 2xx or 3xx, and socket errors, of all rounds.
- Memory is the web tier's own (rss of its cgroup; no page cache), right after each run of ` + "`/count`" + ` at c = 512.
`

// section is the counter's part of the document.
func (c *counting) section(command string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n\nMade by `%s` at commit %s.\n\n", countTitle, command, c.commit)
	for _, f := range c.facts {
		fmt.Fprintf(&s, "- %s: %s\n", f.name, f.value)
	}
	fmt.Fprintf(&s, "\n%s\n### Side by side\n\n%s", c.barTable(), c.table(c.targets, "", countTogether))
	fmt.Fprintf(&s, "\n### By connections\n\n%s\n### By replicas\n\n", c.table(c.growing, byConnections, countConnections))
	var replicas [][]string
	for _, n := range countReplicas {
		replicas = append(replicas, c.lines(c.growing, byReplicas(n), countLoads)...)
	}
	s.WriteString(markdown(append([][]string{c.head()}, replicas...)))
	for _, list := range []struct {
		title string
		items []string
	}{{"Not measured:", c.skipped}, {"Failed:", c.failures}} {
		if len(list.items) > 0 {
			fmt.Fprintf(&s, "\n%s\n\n- %s\n", list.title, strings.Join(list.items, "\n- "))
		}
	}
	fmt.Fprintf(&s, "\n### How the counter is measured\n\n"+readingCount, c.period)
	return s.String()
}

func (c *counting) head() []string {
	return []string{"what", "path", "c", fmt.Sprintf("requests/s, median of %d (min..max)", c.countRounds), "p50, ms", "p99, ms", "errors"}
}

func (c *counting) table(targets []target, suffix string, connections []int) string {
	return markdown(append([][]string{c.head()}, c.lines(targets, suffix, connections)...))
}

// lines has one for each target and number of connections.
func (c *counting) lines(targets []target, suffix string, connections []int) [][]string {
	var lines [][]string
	for _, n := range connections {
		for _, t := range targets {
			at := spot{t.what + suffix, t.path, n}
			line := []string{at.what, at.path, strconv.Itoa(n), "failed", "-", "-", "-"}
			if len(c.samples[at]) > 0 {
				line = append(line[:3], spread(c.all(at, rateOf), perSecond("").number), milliseconds.number(median(c.all(at, p50Of))),
					milliseconds.number(median(c.all(at, p99Of))), c.errors(at))
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func rateOf(s sample) float64 { return s.rate }
func p50Of(s sample) float64  { return s.p50 }
func p99Of(s sample) float64  { return s.p99 }

// all lists a number of each round's sample.
func (c *counting) all(at spot, of func(sample) float64) []float64 {
	var values []float64
	for round := range c.countRounds {
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
	return fmt.Sprintf("%s answers, %s sockets", thousands(bad), thousands(broken))
}

// spread writes a median, and between what it lies.
func spread(values []float64, number func(float64) string) string {
	text := number(median(values))
	if len(values) > 1 {
		text += fmt.Sprintf(" (%s..%s)", number(slices.Min(values)), number(slices.Max(values)))
	}
	return text
}
