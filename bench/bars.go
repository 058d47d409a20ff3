package main

import (
	"fmt"
	"math"
	"slices"
)

// verdict says whether stackctl has reached a row's bar, in the words of the table.
func (r *row) verdict(b bar) string {
	samples := r.samples[stackctlName]
	if len(samples) == 0 {
		return b.text(r.unit) + ": not measured"
	}
	ours := median(samples)
	if b.against == nil {
		return fmt.Sprintf("%s: %s", b.text(r.unit), met(ours <= b.limit))
	}
	fastest := r.fastest(b.against)
	if math.IsInf(fastest, 1) {
		return b.text(r.unit) + ": not measured"
	}
	ratio := ours / fastest
	return fmt.Sprintf("%s: %s (%.2f)", b.text(r.unit), met(ratio <= b.factor), ratio)
}

func (b bar) text(u unit) string {
	if b.against == nil {
		return fmt.Sprintf("≤ %g %s", b.limit, u)
	}
	return fmt.Sprintf("≤ %g × %s", b.factor, b.whom)
}

func met(yes bool) string {
	if yes {
		return "met"
	}
	return "**not met**"
}

// fastest is the lowest median of some contenders; infinite when none of them was measured.
func (r *row) fastest(of func(name string) bool) float64 {
	fastest := math.Inf(1)
	for name, samples := range r.samples {
		if of(name) && len(samples) > 0 {
			fastest = min(fastest, median(samples))
		}
	}
	return fastest
}

// cell is what one contender did in a row.
func (r *row) cell(name string) string {
	samples, failures := r.samples[name], r.failures[name]
	if len(samples) == 0 {
		if len(failures) > 0 {
			return "failed"
		}
		return "-"
	}
	text := r.unit.number(median(samples))
	if len(samples) > 1 {
		text += fmt.Sprintf(" (%s..%s)", r.unit.number(slices.Min(samples)), r.unit.number(slices.Max(samples)))
	}
	if ours := r.samples[stackctlName]; name != stackctlName && len(ours) > 0 && median(ours) > 0 {
		text += fmt.Sprintf(", **%s**", times(median(samples)/median(ours)))
	}
	if len(failures) > 0 {
		text += fmt.Sprintf(", %d failed", len(failures))
	}
	return text
}

// times writes a multiple of stackctl's median.
func times(ratio float64) string {
	switch {
	case ratio < 0.1:
		return fmt.Sprintf("%.3f×", ratio)
	case ratio < 10:
		return fmt.Sprintf("%.2f×", ratio)
	}
	return fmt.Sprintf("%.0f×", ratio)
}
