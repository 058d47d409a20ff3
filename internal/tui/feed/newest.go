package feed

import (
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/logs"
)

// maxContainers bounds what is remembered of containers that are long gone.
const maxContainers = 1024

// newest knows the latest stamp of each container, so that a stream that begins again does not bring lines twice.
type newest map[string]*time.Time

// again returns a filter for a stream that begins now: it accepts the lines that are later than those of the streams before.
func (n newest) again() (fresh func(logs.Line) bool) {
	before := make(map[string]time.Time, len(n))
	for name, at := range n {
		before[name] = *at
	}
	var last string
	latest := new(time.Time) // of last: most lines follow one of the same container
	return func(l logs.Line) bool {
		if len(before) > 0 && !l.Time.After(before[l.Container]) {
			return false
		}
		if l.Container != last {
			last, latest = l.Container, n.of(l.Container)
		}
		if l.Time.After(*latest) {
			*latest = l.Time
		}
		return true
	}
}

func (n newest) of(container string) *time.Time {
	if at := n[container]; at != nil {
		return at
	}
	if len(n) >= maxContainers {
		clear(n)
	}
	at := new(time.Time)
	n[container] = at
	return at
}
