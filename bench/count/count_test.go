package count

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"stackctl.dev/stackctl/bench/rig"
	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

func TestParseWrk(t *testing.T) {
	const printed = "Running 1s test\nRequests/sec:  662.91\n"
	got, err := parseWrk([]byte(printed + `
{"Micros": 1100000, "Requests": 17219, "Bad": 4919, "Broken": 2458, "P50": 239, "P99": 1770}`))
	want := sample{rate: 17219 / 1.1, p50: 0.239, p99: 1.77, requests: 17219, bad: 4919, broken: 2458}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{}), cmpopts.EquateApprox(0, 0.001)); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, text := range []string{"", printed, `{"Micros": 1000000, "Requests": 0, "Bad": 0, "Broken": 7, "P50": 0, "P99": 0}`} {
		if s, err := parseWrk([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, s)
		}
	}
}

// What wrk hands to the script has to be what the script takes it for.
func TestWrkReports(t *testing.T) {
	if err := Check(); err != nil {
		t.Skip(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer server.Close()
	c := &counting{Rig: &rig.Rig{Engine: &engine.Engine{}, Dir: t.TempDir()}}
	s, err := c.wrk(t.Context(), server.URL, 2, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if s.requests == 0 || s.bad != s.requests || s.p50 <= 0 || s.p99 < s.p50 || s.p99 > 1000 || s.rate < float64(s.requests)/2 || s.rate > float64(s.requests)*1.5 {
		t.Errorf("%+v", s)
	}
}

func TestVisitsHaveToBeThoseAnswered(t *testing.T) {
	s := sample{requests: 100, bad: 3, broken: 2}
	for counted, right := range map[int64]bool{96: false, 97: true, 100: true, 112: true, 113: false} {
		if err := s.checkVisits(counted, 10); (err == nil) != right {
			t.Errorf("%d: %v", counted, err)
		}
	}
}

func TestBarsCompareWithinARound(t *testing.T) {
	b := bar{text: "bar", of: spot{"a", byPort, 64}, against: spot{"b", byPort, 64}, number: rateOf, limit: 0.8}
	c := &counting{Rig: &rig.Rig{Options: rig.Options{Runs: 4}}, samples: map[spot]map[int]sample{
		b.of:      {0: {rate: 50}, 1: {rate: 90}, 2: {rate: 300}},
		b.against: {0: {rate: 100}, 1: {rate: 100}, 3: {rate: 100}},
	}}
	ratios := c.ratios(b)
	if diff := cmp.Diff([]float64{0.5, 0.9}, ratios); diff != "" {
		t.Error(diff)
	}
	if got := b.verdict(ratios); got != "**not met**" { // 0.7
		t.Error(got)
	}
	b.atMost = true
	if got := b.verdict(ratios); got != "met" {
		t.Error(got)
	}
	if got := b.verdict(nil); got != "not measured" {
		t.Error(got)
	}
}

// What a bar compares has to be measured: a misspelt name would only read "not measured".
func TestBarsAreAboutWhatIsMeasured(t *testing.T) {
	c := &counting{Rig: &rig.Rig{Options: rig.Options{Runs: 1}}, samples: map[spot]map[int]sample{}, memory: []float64{31}}
	c.stages = stages("published", "nginx", "web")
	for _, s := range c.stages {
		for _, n := range s.connections {
			for _, target := range s.targets {
				c.samples[spot{target.what, target.path, n}] = map[int]sample{0: {rate: 1, p50: 1}}
			}
		}
	}
	delete(c.samples, spot{webCount, byBridge, 1})
	c.failures = []string{"one failure"}
	text := strings.Join(strings.Fields(c.tables()), " ")
	if strings.Contains(text, "not measured") {
		t.Error(text)
	}
	for _, want := range []string{"31.0 MB | **not met**", "Failed: - one failure", "| failed |"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in it:\n%s", want, text)
		}
	}
}
