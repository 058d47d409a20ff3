// Package traffic sums up what nginx's access log says about requests: how many, how fast, with what status, and to which upstream.
package traffic

import (
	"bytes"
	"maps"
	"net/http"
	"sync"
	"time"

	"stackctl.dev/stackctl/internal/accesslog"
)

// span is how many seconds a Window remembers.
const span = 300

// Window holds the last five minutes in one bucket a second; it does not grow. It is safe for concurrent use.
type Window struct {
	Clock func() time.Time // nil means time.Now; it tells what comes from the future

	mu      sync.Mutex
	guarded bool // a firewall has logged: nginx's upstream is that, and who answered is in the web tier's lines
	seconds [span]bucket
	names   []string // of upstreams; buckets count by index
}

// bucket is one second.
type bucket struct {
	second    int64 // Unix
	requests  int
	limited   int
	guarded   int // requests that a firewall has seen
	blocked   int // of them
	status    [6]int
	latency   []count // by latency class, in no order: most seconds have few
	upstreams []count // by index into names
	replicas  []count // those of the web tier, by index into names; only with a firewall
}

type count struct {
	of uint16
	n  int
}

func add(counts []count, of uint16, n int) []count {
	for i := range counts {
		if counts[i].of == of {
			counts[i].n += n
			return counts
		}
	}
	return append(counts, count{of, n})
}

// maxUpstreams bounds the names that are told apart; later ones are "other".
const maxUpstreams = 256

// future is how far the engine's clock may be before ours.
const future = 5 * time.Second

// Add counts an access line in assets/nginx.conf's format, in the second of its time; of the firewall, what it blocked, and behind one the
// web tier's lines, to which replica it went: from is the replica that wrote the line. It is false if the line is none of these, asks for
// /healthz, /readyz or /events, or comes from before the window or from the future.
func (w *Window) Add(at time.Time, from string, line []byte) bool {
	l, ok := accesslog.Parse(line)
	if !ok || !l.Timed || aside(l.URI) || aside(l.Path) || l.Tier() == accesslog.Front && l.Upstream == nil {
		return false
	}
	now := time.Now()
	if w.Clock != nil {
		now = w.Clock()
	}
	if at.Sub(now) > future || now.Sub(at) > span*time.Second {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.guarded = w.guarded || l.Tier() == accesslog.Firewall
	if l.Tier() == accesslog.Web && !w.guarded {
		return false
	}
	second := at.Unix()
	b := &w.seconds[second%span]
	switch {
	case b.second > second: // the place is taken by a later second
		return false
	case b.second < second:
		*b = bucket{second: second, latency: b.latency[:0], upstreams: b.upstreams[:0], replicas: b.replicas[:0]}
	}
	switch l.Tier() {
	case accesslog.Firewall:
		b.guarded++
		if string(l.Verdict) == "blocked" {
			b.blocked++
		}
		return true
	case accesslog.Web:
		b.replicas = add(b.replicas, w.index([]byte(from)), 1)
		return true
	}
	b.requests++
	b.status[statusClass(l.Status)]++
	if l.Status == http.StatusTooManyRequests {
		b.limited++
	}
	b.latency = add(b.latency, classOf(l.Took), 1)
	if upstream := l.LastUpstream(); upstream != nil {
		b.upstreams = add(b.upstreams, w.index(upstream), 1)
	}
	return true
}

// aside reports whether a request is none of a visitor's, or one that lasts for as long as a browser looks at the page.
func aside(uri []byte) bool {
	path, _, _ := bytes.Cut(uri, []byte{'?'})
	switch string(path) {
	case "/healthz", "/readyz", "/events":
		return true
	}
	return false
}

// statusClass is 2 for 2xx; 0 for what is none.
func statusClass(status int) int {
	if status < 100 || status > 599 {
		return 0
	}
	return status / 100
}

func (w *Window) index(upstream []byte) uint16 {
	for i, name := range w.names {
		if name == string(upstream) {
			return uint16(i)
		}
	}
	if len(w.names) == maxUpstreams {
		return maxUpstreams - 1
	}
	name := string(upstream)
	if len(w.names) == maxUpstreams-1 {
		name = "other"
	}
	w.names = append(w.names, name)
	return uint16(len(w.names) - 1)
}

// Stats sums up a stretch of time.
type Stats struct {
	Requests int
	Rate     float64 // a second
	// The latencies are nginx's request_time, which it gives in milliseconds: 0 is less than one. They are right to about 5 %.
	P50, P95, P99 time.Duration
	Status        [6]int         // by class: [2] counts 2xx; [0] what is none
	Limited       int            // of the 4xx, those that a rate limit refused with 429
	Blocked       int            // of the 4xx, those that the firewall took for an attack
	Upstreams     map[string]int // requests by address:port; by the web tier's replica where there is a firewall between
}

// Stats sums up the complete seconds of the time before now.
func (w *Window) Stats(now time.Time, over time.Duration) Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	length := min(max(int64(over/time.Second), 1), span-1)
	end := now.Unix()
	s := Stats{Upstreams: map[string]int{}}
	var latency [classes]int
	replicas, guarded := map[string]int{}, 0
	for second := end - length; second < end; second++ {
		b := &w.seconds[((second%span)+span)%span]
		if b.second != second {
			continue
		}
		s.Requests += b.requests
		s.Limited += b.limited
		for class, n := range b.status {
			s.Status[class] += n
		}
		for _, c := range b.latency {
			latency[c.of] += c.n
		}
		for _, c := range b.upstreams {
			s.Upstreams[w.names[c.of]] += c.n
		}
		s.Blocked += b.blocked
		guarded += b.guarded
		for _, c := range b.replicas {
			replicas[w.names[c.of]] += c.n
		}
	}
	if guarded > 0 {
		s.Upstreams = replicas
	}
	s.Rate = float64(s.Requests) / float64(length)
	s.P50, s.P95, s.P99 = percentile(&latency, s.Requests, 0.50), percentile(&latency, s.Requests, 0.95), percentile(&latency, s.Requests, 0.99)
	maps.DeleteFunc(s.Upstreams, func(_ string, n int) bool { return n == 0 })
	return s
}
