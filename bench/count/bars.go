package count

import (
	"fmt"
	"slices"

	"stackctl.dev/stackctl/bench/report"
)

// bar is a limit for the median of some ratios.
type bar struct {
	text        string
	path        string
	of, against spot
	number      func(sample) float64
	limit       float64
	atMost      bool
}

// bars are the limits for the counter.
func bars() []bar {
	var list []bar
	for _, path := range []string{byPort, byBridge} {
		at := func(what string, connections int) spot { return spot{what, path, connections} }
		list = append(list,
			bar{"`/count` ≥ 0.8 × `/` through nginx, c = 64", path, at(nginxCount, 64), at(nginxRoot, 64), rateOf, 0.8, false},
			bar{"`/count` ≥ 0.9 × `/` through nginx, c = 512", path, at(nginxCount, 512), at(nginxRoot, 512), rateOf, 0.9, false},
			bar{"median of `/count` ≤ 1.5 × that of `/` through nginx, c = 1", path, at(nginxCount, 1), at(nginxRoot, 1), p50Of, 1.5, true},
			bar{"`/count` with the history in PostgreSQL ≥ 0.85 × without, c = 64", path, at(nginxCount+database, 64), at(nginxCount, 64), rateOf, 0.85, false},
			bar{"3 replicas ≥ 1 replica, c = 64", path, at(nginxCount+three, 64), at(nginxCount, 64), rateOf, 1, false},
			bar{"3 replicas ≥ 1 replica, c = 512", path, at(nginxCount+three, 512), at(nginxCount, 512), rateOf, 1, false})
	}
	for _, f := range features {
		list = append(list, bar{
			fmt.Sprintf("`/count` with %s ≥ %.2f × without, c = 64", f.name, f.left), byPort,
			spot{nginxCount + with + f.name, byPort, 64}, spot{nginxCount + without + f.name, byPort, 64}, rateOf, f.left, false,
		})
	}
	return list
}

// ratios has one for each round in which both were measured.
func (c *counting) ratios(b bar) []float64 {
	var ratios []float64
	for round := range c.Runs {
		of, ok := c.samples[b.of][round]
		against, too := c.samples[b.against][round]
		if ok && too && b.number(against) > 0 {
			ratios = append(ratios, b.number(of)/b.number(against))
		}
	}
	return ratios
}

func (b bar) verdict(ratios []float64) string {
	if len(ratios) == 0 {
		return "not measured"
	}
	ratio := report.Median(ratios)
	return report.Met(ratio >= b.limit && !b.atMost || ratio <= b.limit && b.atMost)
}

// barTable says which bars are met.
func (c *counting) barTable() string {
	lines := [][]string{{"bar", "path", fmt.Sprintf("median of %d (min..max)", c.Runs), "verdict"}}
	for _, b := range bars() {
		ratios, cell := c.ratios(b), "-"
		if len(ratios) > 0 {
			cell = report.Spread(ratios, func(ratio float64) string { return fmt.Sprintf("%.2f", ratio) })
		}
		lines = append(lines, []string{b.text, b.path, cell, b.verdict(ratios)})
	}
	memory, verdict := "-", "not measured"
	if len(c.memory) > 0 {
		memory, verdict = report.Spread(c.memory, report.Megabytes.Format), report.Met(slices.Max(c.memory) <= 30)
	}
	return report.Markdown(append(lines, []string{"memory of web ≤ 30 MB, c = 512, every run", "", memory, verdict}))
}
