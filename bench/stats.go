package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// unit is what a row's numbers are in.
type unit string

const (
	milliseconds unit = "ms"
	megabytes    unit = "MB" // 10^6 bytes, as the engine counts
	percent      unit = "%"  // of one core
)

func perSecond(what string) unit { return unit(what + "/s") }
func perMinute(what string) unit { return unit(what + "/min") }

// format gives a number about three digits, and its unit.
func (u unit) format(value float64) string { return u.number(value) + " " + string(u) }

func (u unit) number(value float64) string {
	switch {
	case value < 1:
		return strconv.FormatFloat(value, 'f', 2, 64)
	case value < 10 || (u == megabytes && value < 1000):
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	return thousands(int64(value + 0.5))
}

func thousands(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// median of an even number of samples is the mean of the middle two. There must be a sample.
func median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// quantile is the smallest sample that a share of them does not exceed. There must be a sample.
func quantile(samples []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	n := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[min(max(n, 0), len(sorted)-1)]
}
