// Package loadtest sends requests at a steady rate and tells what became of them.
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

// Bounds of what a test may cost.
const (
	MaxRate     = 10_000           // requests a second
	maxWorkers  = 512              // requests under way at once; beyond, the test falls behind, and the latencies show it
	timeout     = 10 * time.Second // of a request
	maxReasons  = 5
	settleLimit = timeout + 2*time.Second // how long answers are waited for at the end
)

// ownPort is the near end of a connection, another for each, in an error.
var ownPort = regexp.MustCompile(`\S+:\d+->`)

// Target says what is requested, and how often.
type Target struct {
	URL  string
	Rate int // requests a second, 1 to MaxRate
	// NoRetry sends each request once. Without it, a GET that was sent on a connection that the server closed is sent again.
	NoRetry bool
}

// Phase is a part of a test.
type Phase int

// The phases: the operation that is tested goes on during the second.
const (
	Before Phase = iota
	During
	After
)

// Result is what became of the requests of one phase, or of all.
type Result struct {
	Requests   int            `json:"requests"`
	Failed     int            `json:"failed"`   // no answer, or a status other than 200
	Repeated   int            `json:"repeated"` // sent again by the client, on another connection
	P50        time.Duration  `json:"p50_ns"`   // latencies, from the time a request was due: those of a stall count
	P99        time.Duration  `json:"p99_ns"`
	Max        time.Duration  `json:"max_ns"`
	LongestGap time.Duration  `json:"longest_gap_ns"` // between two good answers
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
	phases   [3]time.Time // when each began; zero when it has not
	tallies  [3]*tally
	repeated [3]int
	all      *tally
}

// Start begins to send requests. Stop must be called.
func Start(ctx context.Context, target Target) *Test {
	t := &Test{client: &http.Client{}, target: target, done: make(chan struct{}), all: newTally()}
	t.client.Transport = repeating{&http.Transport{MaxIdleConnsPerHost: maxWorkers}, t.repeat}
	if target.NoRetry {
		t.client.Transport = newUnrepeated()
	}
	t.attacker = vegeta.NewAttacker(vegeta.Client(t.client), vegeta.MaxWorkers(maxWorkers), vegeta.Timeout(timeout), vegeta.MaxBody(1<<10), vegeta.Redirects(vegeta.NoFollow)) // a redirect is no 200
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

// Enter says that the next phase begins.
func (t *Test) Enter(p Phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phases[p] = time.Now()
}

// repeat counts a request that is sent again now.
func (t *Test) repeat() {
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

// due is when a request is due, from the beginning of the test.
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

// Stop sends no more, and waits for the answers that are still to come.
func (t *Test) Stop(ctx context.Context) Report {
	t.attacker.Stop()
	timer := time.NewTimer(settleLimit)
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

// tally adds results up.
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
