package report

import (
	"fmt"
	"math"
	"strings"
)

// Row is one line of a table.
type Row struct {
	key, title string // what the measurement calls it, and what the table calls it
	unit       Unit
	bars       []Bar
	samples    map[string][]float64 // by column
	failed     map[string]bool      // by column
}

// NewRow returns an empty row.
func NewRow(key, title string, u Unit, bars ...Bar) *Row {
	return &Row{key: key, title: title, unit: u, bars: bars, samples: map[string][]float64{}, failed: map[string]bool{}}
}

// Bar is a limit for stackctl: a number, or a multiple of its fastest rival's.
type Bar struct {
	limit  float64 // in the row's unit, if there are no rivals
	factor float64 // of the fastest median of the rivals
	rivals string  // what is in the names of their columns
	whom   string  // how the bar calls them
}

// AtMost is a limit in the row's unit.
func AtMost(limit float64) Bar { return Bar{limit: limit} }

// OfFloor is a multiple of what the Engine API itself takes.
func OfFloor(factor float64) Bar { return Bar{factor: factor, rivals: Floor, whom: Floor} }

// OfCompose is a multiple of the fastest Compose; whom says of which of its times.
func OfCompose(factor float64, whom string) Bar {
	return Bar{factor: factor, rivals: "compose", whom: whom}
}

// OfRival is a multiple of another contender.
func OfRival(factor float64, name string) Bar { return Bar{factor: factor, rivals: name, whom: name} }

// verdict says whether stackctl has reached a bar, in the words of the table.
func (r *Row) verdict(b Bar) string {
	text := fmt.Sprintf("≤ %g %s", b.limit, r.unit)
	if b.rivals != "" {
		text = fmt.Sprintf("≤ %g × %s", b.factor, b.whom)
	}
	samples, fastest := r.samples[Stackctl], r.fastest(b.rivals)
	switch {
	case len(samples) == 0 || b.rivals != "" && math.IsInf(fastest, 1):
		return text + ": not measured"
	case b.rivals == "":
		return fmt.Sprintf("%s: %s", text, Met(Median(samples) <= b.limit))
	}
	ratio := Median(samples) / fastest
	return fmt.Sprintf("%s: %s (%.2f)", text, Met(ratio <= b.factor), ratio)
}

// Met is the verdict in the words of the document.
func Met(yes bool) string {
	if yes {
		return "met"
	}
	return "**not met**"
}

// fastest is the lowest median of some columns; infinite when none of them was measured.
func (r *Row) fastest(rivals string) float64 {
	fastest := math.Inf(1)
	for name, samples := range r.samples {
		if strings.Contains(name, rivals) {
			fastest = min(fastest, Median(samples))
		}
	}
	return fastest
}

// cell is what one column shows in a row.
func (r *Row) cell(column string) string {
	samples := r.samples[column]
	switch {
	case len(samples) == 0 && r.failed[column]:
		return "failed"
	case len(samples) == 0:
		return "-"
	}
	text := Spread(samples, r.unit.Number)
	if ours := r.samples[Stackctl]; column != Stackctl && len(ours) > 0 && Median(ours) > 0 {
		text += fmt.Sprintf(", **%s**", times(Median(samples)/Median(ours)))
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
