// Package loadtest sends requests at a steady rate and reports their results.
package loadtest

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Bounds of a test.
const (
	MaxRate      = 10_000           // requests per second
	maxWorkers   = 512              // concurrent requests; if it needs more, the test falls behind, which the latencies show
	timeout      = 10 * time.Second // of a request
	maxReasons   = 5
	maxRedirects = 3
	stopLimit    = timeout + 2*time.Second // how long Stop waits for responses
)

// ownPort matches the client's address in an error, which differs for each connection.
var ownPort = regexp.MustCompile(`\S+:\d+->`)

// Target says what is requested, and how often.
type Target struct {
	URL  string
	Rate int // requests per second, 1 to MaxRate
	// NoRetry sends each request once. Otherwise net/http repeats a GET that it sent on a connection that the server had closed.
	NoRetry bool
	// Follow follows redirects, which are failures otherwise.
	Follow bool
}

// Phase is a part of a test.
type Phase int

// The phases: the tested operation runs during the second.
const (
	Before Phase = iota
	During
	After
)

// Result summarizes the requests of one phase, or of all.
type Result struct {
	Requests   int            `json:"requests"`
	Failed     int            `json:"failed"`   // no response, or a status other than 200
	Repeated   int            `json:"repeated"` // by the client, on another connection
	P50        time.Duration  `json:"p50_ns"`   // latencies, from the time a request was due, so that a stall shows
	P99        time.Duration  `json:"p99_ns"`
	Max        time.Duration  `json:"max_ns"`
	LongestGap time.Duration  `json:"longest_gap_ns"` // between two successful responses
	Reasons    map[string]int `json:"reasons,omitempty"`
}

// Report is the result of a test.
type Report struct {
	All    Result    `json:"all"`
	Phases [3]Result `json:"phases"` // before, during and after the operation
}

// Test is a load that runs until it is stopped.
type Test struct {
	attacker *vegeta.Attacker
	client   *http.Client
	target   Target
	done     chan struct{}

	mu       sync.Mutex
	phases   [3]time.Time // when each began; zero if it has not
	tallies  [3]*tally
	repeated [3]int
	all      *tally
}

// Start begins to send requests. Stop must be called.
func Start(ctx context.Context, target Target) *Test {
	t := &Test{client: &http.Client{}, target: target, done: make(chan struct{}), all: newTally()}
	t.client.Transport = repeating{&http.Transport{MaxIdleConnsPerHost: maxWorkers, TLSClientConfig: anyone}, t.countRepeated}
	if target.NoRetry {
		t.client.Transport = newUnrepeated()
	}
	redirects := vegeta.NoFollow // a redirect is a failure
	if target.Follow {
		redirects = maxRedirects
	}
	t.attacker = vegeta.NewAttacker(vegeta.Client(t.client), vegeta.MaxWorkers(maxWorkers), vegeta.Timeout(timeout), vegeta.MaxBody(1<<10), vegeta.Redirects(redirects))
	for i := range t.tallies {
		t.tallies[i] = newTally()
	}
	t.phases[Before] = time.Now()
	to := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: target.URL})
	results := t.attacker.Attack(to, vegeta.Rate{Freq: target.Rate, Per: time.Second}, 0, "")
	go t.collect(results)
	context.AfterFunc(ctx, func() { t.attacker.Stop() })
	return t
}

// Enter begins a phase.
func (t *Test) Enter(p Phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phases[p] = time.Now()
}

// countRepeated counts a request that the client repeats.
func (t *Test) countRepeated() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.repeated[t.phaseAt(time.Now())]++
}

func (t *Test) collect(results <-chan *vegeta.Result) {
	defer close(t.done)
	var began time.Time
	for r := range results {
		if began.IsZero() || r.Timestamp.Add(-t.due(r.Seq)).Before(began) {
			began = r.Timestamp.Add(-t.due(r.Seq)) // the test began when its first request was due
		}
		due := began.Add(t.due(r.Seq))
		end := r.Timestamp.Add(r.Latency)
		r.Latency = max(0, end.Sub(due))
		reason := ""
		switch {
		case r.Code == 0:
			reason = ownPort.ReplaceAllString(r.Error, "")
		case r.Code != http.StatusOK:
			reason = fmt.Sprintf("status %d", r.Code)
		}
		t.mu.Lock()
		t.all.add(r.Latency, end, reason)
		t.tallies[t.phaseAt(due)].add(r.Latency, end, reason)
		t.mu.Unlock()
	}
}

// due returns when a request is due, from the beginning of the test.
func (t *Test) due(number uint64) time.Duration {
	return time.Duration(number) * time.Second / time.Duration(t.target.Rate)
}

func (t *Test) phaseAt(at time.Time) Phase {
	for p := After; p > Before; p-- {
		if began := t.phases[p]; !began.IsZero() && !at.Before(began) {
			return p
		}
	}
	return Before
}

// Stop sends no more requests, and waits for the outstanding responses.
func (t *Test) Stop(ctx context.Context) Report {
	t.attacker.Stop()
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-t.done:
	case <-ctx.Done():
	case <-timer.C:
	}
	t.client.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	report := Report{All: t.all.result()}
	for i, tally := range t.tallies {
		report.Phases[i] = tally.result()
		report.Phases[i].Repeated = t.repeated[i]
		report.All.Repeated += t.repeated[i]
	}
	return report
}

// tally adds up results.
type tally struct {
	latencies vegeta.LatencyMetrics
	requests  int
	failed    int
	gap       time.Duration
	lastGood  time.Time
	reasons   map[string]int
}

func newTally() *tally { return &tally{reasons: map[string]int{}} }

func (t *tally) add(latency time.Duration, end time.Time, reason string) {
	t.requests++
	t.latencies.Add(latency)
	if reason != "" {
		t.failed++
		if _, known := t.reasons[reason]; known || len(t.reasons) < maxReasons {
			t.reasons[reason]++
		}
		return
	}
	if !t.lastGood.IsZero() {
		t.gap = max(t.gap, end.Sub(t.lastGood))
	}
	if end.After(t.lastGood) {
		t.lastGood = end
	}
}

func (t *tally) result() Result {
	r := Result{Requests: t.requests, Failed: t.failed, Max: t.latencies.Max, LongestGap: t.gap, Reasons: t.reasons}
	if t.requests > 0 {
		r.P50, r.P99 = t.latencies.Quantile(0.50), t.latencies.Quantile(0.99)
	}
	return r
}

// ReasonsByCount lists why requests failed, the most frequent first.
func (r Result) ReasonsByCount() []string {
	var reasons []string
	for reason := range r.Reasons {
		reasons = append(reasons, reason)
	}
	slices.SortFunc(reasons, func(a, b string) int { return r.Reasons[b] - r.Reasons[a] })
	return reasons
}
