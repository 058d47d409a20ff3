package visitpane

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/traffic"
	"stackctl.dev/stackctl/internal/tui/draw"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

var start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func TestRate(t *testing.T) {
	for _, c := range []struct {
		name   string
		visits []int64 // one reading a second
		rate   float64
		peak   float64
	}{
		{"one reading says nothing", []int64{5000}, 0, 0},
		{"ten a second", []int64{0, 10, 20, 30, 40}, 10, 10},
		{"over three seconds", []int64{0, 0, 0, 30}, 10, 10},
		{"it calms down", []int64{0, 30, 60, 60, 60, 60}, 0, 30},
		{"a reset is no negative rate", []int64{1000, 1010, 3}, 0, 10},
		{"after a reset", []int64{1000, 0, 5, 10, 15}, 5, 5},
	} {
		p := New("1 visits", Options{})
		for i, n := range c.visits {
			p.count(Count{At: at(i), Visits: n})
		}
		if s := p.Summary(); s.Rate != c.rate || s.Peak != c.peak {
			t.Errorf("%s: rate %v, peak %v; want %v, %v", c.name, s.Rate, s.Peak, c.rate, c.peak)
		}
	}
}

func TestEveryVisitIsOnTheChartOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New("1 visits", Options{})
		total, n, second := 0.0, int64(100), 0
		p.count(Count{At: start, Visits: n})
		for range rapid.IntRange(1, 40).Draw(t, "readings") {
			second += rapid.IntRange(0, 7).Draw(t, "gap")
			more := rapid.Int64Range(0, 1000).Draw(t, "more")
			n, total = n+more, total+float64(more)
			p.count(Count{At: at(second), Visits: n})
		}
		sum := 0.0
		for s := p.chart.since; s <= p.chart.upTo; s++ {
			sum += p.chart.seconds[s%span]
		}
		if second > 0 && second < span && (sum < total-1 || sum > total+1) && p.chart.upTo > p.chart.since {
			t.Fatalf("%v on the chart, %v counted", sum, total)
		}
	})
}

func TestWhatIsNotKnownIsNotShownAsLive(t *testing.T) {
	p := New("1 visits", Options{})
	p.count(Count{At: start, Visits: 1234567})
	p.count(Count{At: at(1), Visits: 1234600})
	p.unknown(Unknown{At: at(2), Err: errors.New("redis is away\x1b[2J")})
	view := ansi.Strip(p.View(tuitest.Themes().Dark, 60, 20, false))
	for _, want := range []string{"✖ unknown", "redis is away", "last read: 1,234,600 at"} {
		if !strings.Contains(view, want) {
			t.Errorf("no %q in\n%s", want, view)
		}
	}
	if strings.Contains(view, "\x1b") || strings.Contains(view, "/s now") {
		t.Errorf("a rate, or a control sequence, in\n%s", view)
	}
	if got := p.Summary(); got.Known || got.Rate != 0 {
		t.Errorf("%+v", got)
	}
}

type fixed traffic.Stats

func (f fixed) Stats(time.Time, time.Duration) traffic.Stats { return traffic.Stats(f) }

func TestSharesHaveTheReplicasNames(t *testing.T) {
	p := New("1 visits", Options{Requests: fixed{Requests: 4, Rate: 0.4, Status: [6]int{2: 3, 5: 1}, Upstreams: map[string]int{"10.0.0.2:5002": 1, "10.0.0.3:5002": 3}}})
	var containers []watch.Container
	for i := 1; i <= 2; i++ {
		var c watch.Container
		c.Service, c.Number = "web", i
		c.Addresses = map[string]netip.Addr{"default": netip.MustParseAddr(fmt.Sprintf("10.0.0.%d", i+1))}
		containers = append(containers, c)
	}
	p.requests.name(containers)
	p.count(Count{At: start, Visits: 4})
	view := ansi.Strip(p.View(tuitest.Themes().Dark, 80, 20, false))
	for _, want := range []string{"web-1 ██······ 25%", "web-2 ██████·· 75%", "✔ 2xx 75%", "✖ 5xx 25%"} {
		if !strings.Contains(view, want) {
			t.Errorf("no %q in\n%s", want, view)
		}
	}
}

func TestLimitedRequestsStandApart(t *testing.T) {
	for _, c := range []struct {
		stats         traffic.Stats
		want, without string
	}{
		{traffic.Stats{Requests: 20, Status: [6]int{2: 5, 4: 15}, Limited: 12}, "✔ 2xx 25%  ! 4xx 15%  ⊘ 12 limited", "✖"},
		{traffic.Stats{Requests: 20, Status: [6]int{2: 8, 4: 12}, Limited: 12}, "✔ 2xx 40%  ⊘ 12 limited", "4xx"},
		{traffic.Stats{Requests: 20, Status: [6]int{2: 19, 4: 1}}, "! 4xx 5%", "limited"},
		{traffic.Stats{Requests: 20, Status: [6]int{2: 10, 4: 10}, Limited: 5, Blocked: 3}, "! 4xx 10%  ⊘ 5 limited  ⊗ 3 blocked", "✖"},
		{traffic.Stats{Requests: 20, Status: [6]int{2: 18, 4: 2}, Blocked: 3}, "✔ 2xx 90%  ⊗ 3 blocked", "4xx"},
		{traffic.Stats{Requests: 4, Status: [6]int{2: 4}, Upstreams: map[string]int{"web-1": 1, "web-2": 3}}, "web-2 ██████·· 75%", "blocked"},
	} {
		p := New("1 visits", Options{Requests: fixed(c.stats)})
		p.count(Count{At: start, Visits: 4})
		view := ansi.Strip(p.View(tuitest.Themes().Dark, 80, 20, false))
		if !strings.Contains(view, c.want) || strings.Contains(view, c.without) {
			t.Errorf("want %q and no %q in\n%s", c.want, c.without, view)
		}
	}
}

func TestMarksStandWhereTheyHappened(t *testing.T) {
	p := New("1 visits", Options{})
	for i := range 10 {
		p.count(Count{At: at(i), Visits: int64(i)})
	}
	p.chart.mark(watch.Event{At: at(9), Kind: watch.EventDie, Text: "web-1 died"})
	rows := strings.Split(ansi.Strip(p.View(tuitest.Themes().Dark, 72, 20, false)), "\n")
	found := false
	for _, row := range rows {
		found = found || strings.Contains(row, "-5m") && strings.Contains(row, "✖")
	}
	if !found {
		t.Errorf("no mark on the time line:\n%s", strings.Join(rows, "\n"))
	}
	for range 3 * maxMarks {
		p.chart.mark(watch.Event{At: at(1)})
	}
	if len(p.chart.marks) > maxMarks {
		t.Errorf("%d marks", len(p.chart.marks))
	}
}

func TestViewHasItsSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New("1 visits", Options{Requests: fixed{Requests: 4, Status: [6]int{2: 4}, Upstreams: map[string]int{"a:1": 4}}})
		for i := range rapid.IntRange(0, 9).Draw(t, "readings") {
			p.count(Count{At: at(i * 40), Visits: int64(i * i * 1000)})
			p.chart.mark(watch.Event{At: at(i * 40), Kind: watch.EventDeploy, Text: "世界\x1b[2J"})
		}
		width, height := rapid.IntRange(0, 120).Draw(t, "width"), rapid.IntRange(0, 40).Draw(t, "height")
		rows := strings.Split(p.View(tuitest.Themes().Light, width, height, rapid.Bool().Draw(t, "focused")), "\n")
		for _, row := range rows {
			if height > 0 && draw.Width(row) != width || len(rows) != max(height, 1) || strings.Contains(ansi.Strip(row), "\x1b") {
				t.Fatalf("%dx%d: %d rows, %d wide: %q", width, height, len(rows), draw.Width(row), ansi.Strip(row))
			}
		}
	})
}
