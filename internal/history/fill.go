package history

import "time"

// Fill returns the intervals from the first one with visits on, with those between them that have none, and the one that is under way.
func (v *Visits) Fill() []Interval {
	step, ok := Step(v.By)
	if !ok || len(v.Intervals) == 0 {
		return nil
	}
	var filled []Interval
	next := v.Intervals[0].At.Truncate(step)
	add := func(until time.Time) {
		for ; next.Before(until) && len(filled) < 2*MaxIntervals; next = next.Add(step) {
			filled = append(filled, Interval{At: next})
		}
	}
	for _, i := range v.Intervals {
		add(i.At)
		filled = append(filled, i)
		next = i.At.Add(step)
	}
	add(v.Until)
	return filled
}

// For returns by what visits of a time are summed so that there are some dozens of intervals.
func For(d time.Duration) string {
	switch {
	case d <= 2*time.Hour:
		return ByMinute
	case d <= 4*24*time.Hour:
		return ByHour
	}
	return ByDay
}
