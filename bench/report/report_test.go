package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTableShowsMediansRatiosAndBars(t *testing.T) {
	table := &Table{
		Runs: 3, Rows: []*Row{NewRow("up", "`up`", Milliseconds, OfFloor(1.2), OfCompose(1, "the fastest Compose"), AtMost(60))},
		Columns: []Column{{Name: Stackctl}, {Name: Floor, Note: "the least"}, {Name: "compose"}, {Name: "other"}},
	}
	for _, ours := range []float64{1100, 900, 1300} {
		table.Record("up", Stackctl, ours)
	}
	table.Record("up", Floor, 1000)
	table.Fail("up", "compose", "run 1", "no")
	want := strings.TrimPrefix(`
| median of 3 (min..max), × stackctl | stackctl            | the floor [1]    | compose | other | bar                                             |
|------------------------------------|--------------------:|-----------------:|--------:|------:|-------------------------------------------------|
| `+"`up`"+`, ms                           | 1,100 (900..1,300)  | 1,000, **0.91×** | failed  | -     | ≤ 1.2 × the floor: met (1.10); ≤ 1 × the fastest Compose: not measured; ≤ 60 ms: **not met** |

1. the least

Failed; the rest of that contender's run was left out:

- compose, `+"`up`"+`, run 1: no
`, "\n")
	squeeze := func(text string) string {
		return strings.NewReplacer("-", "").Replace(strings.Join(strings.Fields(text), " "))
	}
	if diff := cmp.Diff(squeeze(want), squeeze(table.String())); diff != "" {
		t.Error(diff)
	}
}

func TestNumbers(t *testing.T) {
	for value, want := range map[float64]string{0.256: "0.26", 3.14: "3.1", 59.6: "60", 1234.5: "1,235", 1000000: "1,000,000"} {
		if got := Milliseconds.Number(value); got != want {
			t.Errorf("%v: %q, want %q", value, got, want)
		}
	}
	if got := Megabytes.Number(15.64); got != "15.6" {
		t.Errorf("15.64 MB: %q", got)
	}
	if got := Median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("median: %v", got)
	}
	samples := []float64{5, 1, 4, 2, 3}
	for share, want := range map[float64]float64{0: 1, 0.5: 3, 0.8: 4, 0.99: 5, 1: 5} {
		if got := Quantile(samples, share); got != want {
			t.Errorf("quantile %v: %v, want %v", share, got, want)
		}
	}
}
