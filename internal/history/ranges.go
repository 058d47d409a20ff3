package history

import "time"

// Range is a time that the page and the dashboard can show, until now.
type Range struct {
	Name       string
	Long, Step time.Duration
	By         string // what the tier sums by
}

// Ranges are those besides the last minutes, which are not from the history.
var Ranges = []Range{
	{"1h", time.Hour, time.Minute, ByMinute},
	{"24h", 24 * time.Hour, 5 * time.Minute, ByMinute},
	{"30d", 30 * 24 * time.Hour, 3 * time.Hour, ByHour},
}

// RangeOf returns the range of a name.
func RangeOf(name string) (Range, bool) {
	for _, r := range Ranges {
		if r.Name == name {
			return r, true
		}
	}
	return Range{}, false
}

// Begin returns when it begins. Its last step is the one that is under way.
func (r Range) Begin(now time.Time) time.Time {
	return now.UTC().Truncate(r.Step).Add(r.Step - r.Long)
}

// Sum returns the visits of each step. The last one includes those that wait in Redis.
func (r Range) Sum(v *Visits, now time.Time, behind int64) []int64 {
	values, begin := make([]int64, r.Long/r.Step), r.Begin(now)
	for _, i := range v.Intervals {
		if at := i.At.Sub(begin); at >= 0 && at/r.Step < time.Duration(len(values)) {
			values[at/r.Step] += i.Visits
		}
	}
	values[len(values)-1] += behind
	return values
}
