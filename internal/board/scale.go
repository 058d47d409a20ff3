package board

import (
	"math"
	"strconv"
	"strings"
	"time"

	"stackctl.dev/stackctl/internal/dashboards"
)

// form says how numbers of a unit are written: divided by size, with a name behind.
type form struct {
	size float64
	name string
	two  bool // ticks are at powers of two
}

var forms = map[dashboards.Unit][]form{
	dashboards.Bytes: {{1, " B", true}, {1 << 10, " KiB", true}, {1 << 20, " MiB", true}, {1 << 30, " GiB", true}, {1 << 40, " TiB", true}},
	dashboards.Seconds: {
		{size: 1e-9, name: " ns"}, {size: 1e-6, name: " µs"}, {size: 1e-3, name: " ms"}, {size: 1, name: " s"}, {size: 60, name: " min"},
		{size: 3600, name: " h"}, {size: 86400, name: " d"},
	},
	dashboards.Percent: {{size: 0.01, name: " %"}},
}

// counts are the forms of the other units.
var counts = []form{{size: 1}, {size: 1e3, name: " k"}, {size: 1e6, name: " M"}, {size: 1e9, name: " G"}, {size: 1e12, name: " T"}}

// formOf returns the form in which a value has one to four digits before the point.
func formOf(value float64, unit dashboards.Unit) form {
	list, ok := forms[unit]
	if !ok {
		list = counts
	}
	found := list[0]
	if unit == dashboards.Seconds && value == 0 {
		return form{size: 1e-3, name: " ms"}
	}
	for _, f := range list {
		if math.Abs(value) >= f.size {
			found = f
		}
	}
	return found
}

// caption is what stands behind numbers of a unit, or over the axis, where forms do not say it.
func caption(unit dashboards.Unit) string {
	switch unit {
	case dashboards.Requests, dashboards.Cores:
		return string(unit)
	case dashboards.PerSec:
		return "/s"
	}
	return ""
}

// text writes a number with three digits and its unit.
func text(value float64, unit dashboards.Unit) string {
	f := formOf(value, unit)
	words := digits(value/f.size) + f.name
	if behind := caption(unit); behind != "" {
		words += " " + behind
	}
	return words
}

// digits writes a number with three significant digits, and no zeros that say nothing.
func digits(value float64) string {
	places := 2
	switch size := math.Abs(value); {
	case size >= 99.95:
		places = 0
	case size >= 9.995:
		places = 1
	case size > 0 && size < 0.01:
		return strconv.FormatFloat(value, 'g', 2, 64)
	}
	return trimZeros(strconv.FormatFloat(value, 'f', places, 64))
}

func trimZeros(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

// wantedTicks is about how many steps an axis has.
const wantedTicks = 4

// axis is a scale from the lowest to the highest tick.
type axis struct {
	low, high, step float64
	form            form
}

// newAxis returns an axis with round ticks on which all of low to high fits. It begins at zero, unless there are negative values.
func newAxis(low, high float64, unit dashboards.Unit) axis {
	low, high = min(low, 0), max(high, 0)
	if high == low {
		high = low + map[dashboards.Unit]float64{dashboards.Bytes: 1 << 10, dashboards.Seconds: 1e-3, dashboards.Percent: 0.01}[unit]
		if high == low {
			high = low + 1
		}
	}
	f := formOf(max(high, -low), unit)
	step := niceStep((high-low)/f.size/wantedTicks, f.two) * f.size
	if unit == dashboards.Number {
		step = max(step, 1) // half a replica is none
	}
	return axis{low: math.Floor(low/step+1e-9) * step, high: math.Ceil(high/step-1e-9) * step, step: step, form: f}
}

// niceStep returns the least round number that is not below the wanted one.
func niceStep(wanted float64, two bool) float64 {
	if two && wanted >= 1 {
		return math.Exp2(math.Ceil(math.Log2(wanted) - 1e-9))
	}
	power := math.Pow(10, math.Floor(math.Log10(wanted)))
	for _, n := range []float64{1, 2, 2.5, 5, 10} {
		if n*power >= wanted*(1-1e-9) {
			return n * power
		}
	}
	return 10 * power
}

// ticks are the values of an axis that are labelled, from the lowest.
func (a axis) ticks() (values []float64, labels []string) {
	places := max(0, int(math.Ceil(-math.Log10(a.step/a.form.size)-1e-9)))
	if s := a.step / a.form.size * math.Pow(10, float64(places)); math.Abs(s-math.Round(s)) > 1e-6 {
		places++ // 2.5
	}
	for i := 0; i <= int(math.Round((a.high-a.low)/a.step)); i++ {
		value := a.low + float64(i)*a.step
		values = append(values, value)
		label := strconv.FormatFloat(value/a.form.size, 'f', min(places, 6), 64)
		label += a.form.name
		if value == 0 {
			label = "0"
		}
		labels = append(labels, label)
	}
	return values, labels
}

// timeSteps are distances between labels of the time axis.
var timeSteps = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
	30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// timeTicks are round times of a range, as clocks at its place show them.
func timeTicks(start, end time.Time, most int) (at []time.Time, labels []string) {
	step := timeSteps[len(timeSteps)-1]
	for _, s := range timeSteps {
		if end.Sub(start)/s < time.Duration(most) {
			step = s
			break
		}
	}
	layout := "15:04"
	if step < time.Minute {
		layout = time.TimeOnly
	}
	_, offset := start.Zone()
	first := start.Add(time.Duration(offset) * time.Second).Truncate(step).Add(-time.Duration(offset) * time.Second)
	for t := first; !t.After(end); t = t.Add(step) {
		if t.Before(start) {
			continue
		}
		label := t.Format(layout)
		if label == "00:00" {
			label = t.Format("2 Jan")
		}
		at, labels = append(at, t), append(labels, label)
	}
	return at, labels
}
