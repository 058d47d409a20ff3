package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Unit is what a row's numbers are in.
type Unit string

// The units that more than one subject has.
const (
	Milliseconds Unit = "ms"
	Megabytes    Unit = "MB" // 10^6 bytes, as the engine counts
	Percent      Unit = "%"  // of one core
)

// Milli is a duration in milliseconds.
func Milli(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Format gives a number about three digits, and its unit.
func (u Unit) Format(value float64) string { return u.Number(value) + " " + string(u) }

// Number gives a number about three digits.
func (u Unit) Number(value float64) string {
	switch {
	case value < 1:
		return strconv.FormatFloat(value, 'f', 2, 64)
	case value < 10 || (u == Megabytes && value < 1000):
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	return Thousands(int64(value + 0.5))
}

// Thousands writes a number with a comma before each three digits.
func Thousands(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", Thousands(n/1000), n%1000)
}

// Median of an even number of samples is the mean of the middle two. There must be a sample.
func Median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Quantile is the smallest sample that a share of them does not exceed. There must be a sample.
func Quantile(samples []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	n := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[min(max(n, 0), len(sorted)-1)]
}

// Spread writes the median of some samples, and between what they lie. There must be a sample.
func Spread(samples []float64, number func(float64) string) string {
	text := number(Median(samples))
	if len(samples) > 1 {
		text += fmt.Sprintf(" (%s..%s)", number(slices.Min(samples)), number(slices.Max(samples)))
	}
	return text
}
