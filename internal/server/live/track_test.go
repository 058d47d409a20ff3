package live

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var errDown = errors.New("down")

// feed observes one count after another, a second apart; a negative one stands for an error.
func feed(counts ...int64) *track {
	t := &track{status: starting}
	now := time.Unix(0, 0)
	for _, n := range counts {
		var err error
		if n < 0 {
			err = errDown
		}
		t.observe(now, n, err)
		now = now.Add(time.Second)
	}
	return t
}

func TestHistory(t *testing.T) {
	for _, tc := range []struct {
		name   string
		counts []int64
		want   []rate
	}{
		{"a rate takes two counts", []int64{5}, nil},
		{"rates", []int64{5, 8, 8, 18}, []rate{3, 0, 10}},
		{"a reset is no negative rate", []int64{100, 0, 50}, []rate{0, 50}},
		{"an outage is a gap, then its mean", []int64{10, -1, -1, 16}, []rate{gap, gap, 2}},
		{"down from the start", []int64{-1, -1, 7, 9}, []rate{gap, gap, 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := feed(tc.counts...).history; !slices.Equal(got, tc.want) {
				t.Errorf("history %v, want %v", got, tc.want)
			}
		})
	}
}

func TestHistoryIsBounded(t *testing.T) {
	tr := feed(0)
	now := time.Unix(0, 0)
	for i := range int64(1000) {
		now = now.Add(time.Second)
		before := slices.Clone(tr.history)
		kept := tr.history
		tr.observe(now, i*(i+1)/2, nil)
		if !slices.Equal(before, kept) {
			t.Fatal("a history that was given away has changed")
		}
	}
	if len(tr.history) != historySize || tr.history[0] != 700 || tr.last() != 999 || tr.samples != 1000 {
		t.Errorf("%d samples from %v to %v, number %d", len(tr.history), tr.history[0], tr.last(), tr.samples)
	}
}

func TestSamplesComeOnceASecond(t *testing.T) {
	tr := &track{status: starting}
	now, news := time.Unix(0, 0), 0
	for range 41 { // ten seconds
		if tr.observe(now, 3, nil) {
			news++
		}
		now = now.Add(busyPoll)
	}
	if tr.samples != 10 || news != 11 {
		t.Errorf("%d samples and %d states to show, want 10 and 11", tr.samples, news)
	}
}

func TestRateIsNeverNegative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := rapid.Int64().Draw(t, "from"), rapid.Int64().Draw(t, "to")
		got := float64(rateOf(from, to, time.Second))
		if want := max(0, float64(to)-float64(from)); math.Abs(got-want) > 1e-9*want+1 {
			t.Fatalf("rate %v, want %v", got, want)
		}
	})
}

func TestTop(t *testing.T) {
	for peak, want := range map[rate]float64{0: 1, 0.4: 1, 1: 1, 1.1: 2, 3: 3, 3.1: 4, 5: 5, 5.5: 6, 7: 8, 8.1: 10, 10: 10, 61: 80, 99: 100, 4321: 5000, 1e6: 1e6} {
		if got := (&track{history: []rate{gap, peak}}).top(); got != want {
			t.Errorf("top of %v is %v, want %v", peak, got, want)
		}
	}
}

func TestPath(t *testing.T) {
	tr := &track{history: []rate{0, 5, gap, gap, 10, 2.5}}
	if got, want := tr.path(), "M294 100V100H295V50H296V100M298 100V0H299V75H300V100"; got != want {
		t.Errorf("path %q, want %q", got, want)
	}
	if got := (&track{history: []rate{5, gap}}).path(); got != "M298 100V0H299V100" {
		t.Errorf("path %q", got)
	}
}

func TestSummary(t *testing.T) {
	for _, tc := range []struct {
		tr   *track
		want string
	}{
		{feed(), "The number of visits is not known yet."},
		{feed(-1), "Redis is unavailable. The number of visits is not known yet."},
		{feed(1234567), "1,234,567 visits so far."},
		{feed(0, 2000), "2,000 visits so far. 2,000.0 visits per second now. Over the last second: 2,000.0 on average, 2,000.0 at most."},
		{feed(0, 4, -1), "Redis is unavailable. 4 visits so far. Over the last 2 seconds: 4.0 on average, 4.0 at most."},
	} {
		if got := tc.tr.summary(); got != tc.want {
			t.Errorf("summary %q, want %q", got, tc.want)
		}
	}
	if got := minutes(300); got != "5 minutes" {
		t.Errorf("300 samples are %q", got)
	}
}

func TestEventJSON(t *testing.T) {
	tr := feed(10, -1, 14)
	if got := string(tr.event(nil)); strings.Contains(got, "history") || !strings.HasSuffix(got, "\n\n") {
		t.Errorf("event %q", got)
	}
	if got := string(tr.event([]rate{})); !strings.Contains(got, `"history":[]`) {
		t.Errorf("a page that begins needs a history: %q", got)
	}
	if got := string(tr.event(tr.history)); !strings.Contains(got, `"history":[null,2]`) || !strings.Contains(got, `"count":"14"`) {
		t.Errorf("event %q", got)
	}
}

func TestGrouped(t *testing.T) {
	for in, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "-1234567": "-1,234,567", "-123": "-123"} {
		if got := grouped(in); got != want {
			t.Errorf("grouped(%q) is %q, want %q", in, got, want)
		}
	}
}
