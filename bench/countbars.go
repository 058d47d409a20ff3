package main

import (
	"fmt"
	"slices"
)

// ratioBar is what the median of some ratios has to reach.
type ratioBar struct {
	text        string
	path        string
	of, against spot
	number      func(sample) float64
	limit       float64
	atMost      bool
}

// countBars lists what the counter has to reach.
func countBars() []ratioBar {
	var bars []ratioBar
	for _, path := range []string{byPort, byBridge} {
		at := func(what string, connections int) spot { return spot{what, path, connections} }
		bars = append(bars,
			ratioBar{"`/count` ≥ 0.8 × `/` through nginx, c = 64", path, at(nginxCount, 64), at(nginxRoot, 64), rateOf, 0.8, false},
			ratioBar{"`/count` ≥ 0.9 × `/` through nginx, c = 512", path, at(nginxCount, 512), at(nginxRoot, 512), rateOf, 0.9, false},
			ratioBar{"`/count` ≥ 8 × the seed's, c = 64", path, at(nginxCount, 64), at(seedCount, 64), rateOf, 8, false},
			ratioBar{"median of `/count` ≤ 1.5 × that of `/` through nginx, c = 1", path, at(nginxCount, 1), at(nginxRoot, 1), p50Of, 1.5, true})
		for _, n := range countLoads {
			three, one := at(nginxCount+byReplicas(3), n), at(nginxCount+byReplicas(1), n)
			bars = append(bars, ratioBar{fmt.Sprintf("3 replicas ≥ 1 replica, c = %d", n), path, three, one, rateOf, 1, false})
		}
	}
	return bars
}

// ratios has one for each round in which both were measured.
func (c *counting) ratios(b ratioBar) []float64 {
	var ratios []float64
	for round := range c.countRounds {
		of, ok := c.samples[b.of][round]
		against, too := c.samples[b.against][round]
		if ok && too && b.number(against) > 0 {
			ratios = append(ratios, b.number(of)/b.number(against))
		}
	}
	return ratios
}

func (b ratioBar) verdict(ratios []float64) string {
	if len(ratios) == 0 {
		return "not measured"
	}
	ratio := median(ratios)
	return met(ratio >= b.limit && !b.atMost || ratio <= b.limit && b.atMost)
}

// barTable says which bars are met.
func (c *counting) barTable() string {
	lines := [][]string{{"bar", "path", fmt.Sprintf("median of %d (min..max)", c.countRounds), "verdict"}}
	for _, b := range countBars() {
		ratios, cell := c.ratios(b), "-"
		if len(ratios) > 0 {
			cell = spread(ratios, func(ratio float64) string { return fmt.Sprintf("%.2f", ratio) })
		}
		lines = append(lines, []string{b.text, b.path, cell, b.verdict(ratios)})
	}
	memory, verdict := "-", "not measured"
	if len(c.memory) > 0 {
		memory, verdict = spread(c.memory, megabytes.format), met(slices.Max(c.memory) <= 30)
	}
	return markdown(append(lines, []string{"memory of web ≤ 30 MB, c = 512, every run", "", memory, verdict}))
}
