package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTableShowsMediansRatiosAndBars(t *testing.T) {
	r := newRow(rowUp, "`up`", milliseconds, bar{factor: 1.2, against: isFloor, whom: floorName}, bar{limit: 60})
	r.samples[stackctlName] = []float64{1100, 900, 1300}
	r.samples[floorName] = []float64{1000}
	r.failures["compose"] = []string{"compose, `up`, run 1: no"}
	b := &bench{options: options{runs: 3}, rows: []*row{r}, contenders: []*contender{
		{name: stackctlName}, {name: floorName, note: "the least"}, {name: "compose"}, {name: "other"},
	}}
	want := strings.TrimPrefix(`
| median of 3 (min..max), × stackctl | stackctl            | the floor [1]    | compose | other | bar                                             |
|------------------------------------|--------------------:|-----------------:|--------:|------:|-------------------------------------------------|
| `+"`up`"+`, ms                           | 1,100 (900..1,300)  | 1,000, **0.91×** | failed  | -     | ≤ 1.2 × the floor: met (1.10); ≤ 60 ms: **not met** |
`, "\n")
	squeeze := func(text string) string {
		return strings.NewReplacer("-", "").Replace(strings.Join(strings.Fields(text), " "))
	}
	report := &report{bench: b}
	if diff := cmp.Diff(squeeze(want), squeeze(report.table())); diff != "" {
		t.Error(diff)
	}
	if notes := report.footnotes(); !strings.Contains(notes, "1. the least") || !strings.Contains(notes, "- compose, `up`, run 1: no") {
		t.Error(notes)
	}
}

func TestRewriteWritesWhatOlderComposesRead(t *testing.T) {
	const resolved = `{
		"name": "p", "x-a": 1, "configs": {"conf": {"content": "$$host"}},
		"services": {"front": {
			"x-b": 1, "entrypoint": null, "healthcheck": {"test": ["CMD"]}, "configs": [{"source": "conf", "target": "/etc/conf"}],
			"ports": [{"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": "8080", "protocol": "tcp"}],
			"depends_on": {"back": {"condition": "service_healthy", "required": true}}}}}`
	b := &bench{dir: t.TempDir()}
	path, err := b.rewrite([]byte(resolved), "folder", true)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got object
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	config := b.dir + "/folder/conf"
	want := object{"services": object{"front": object{
		"volumes":    []any{object{"type": "bind", "source": config, "target": "/etc/conf", "read_only": true}},
		"ports":      []any{"127.0.0.1:8080:80/tcp"},
		"depends_on": object{"back": object{"condition": "service_started"}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if content, err := os.ReadFile(config); err != nil || string(content) != "$host" {
		t.Errorf("config: %q, %v", content, err)
	}
}

func TestNumbers(t *testing.T) {
	for value, want := range map[float64]string{0.256: "0.26", 3.14: "3.1", 59.6: "60", 1234.5: "1,235", 1000000: "1,000,000"} {
		if got := milliseconds.number(value); got != want {
			t.Errorf("%v: %q, want %q", value, got, want)
		}
	}
	if got := megabytes.number(15.64); got != "15.6" {
		t.Errorf("15.64 MB: %q", got)
	}
	if got := median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("median: %v", got)
	}
}

// verify ends with 1 when requests have failed: that is the measured number, not the end of the measurement.
func TestFailedRequestsAreAResult(t *testing.T) {
	for output, want := range map[string]struct {
		failed int
		good   bool
	}{
		`echo '{"all": {"requests": 100, "failed": 7}}'; exit 1`: {7, true},
		`echo '{"all": {"requests": 100, "failed": 0}}'`:         {0, true},
		`echo '{"all": {"requests": 100, "failed": 0}}'; exit 1`: {0, false}, // the rollout itself has failed
		`echo no stack >&2; exit 1`:                              {0, false},
	} {
		got, err := verifyRollout(t.Context(), program{command: []string{"sh", "-c", output}})
		if got.All.Failed != want.failed || (err == nil) != want.good {
			t.Errorf("%s: %+v, %v", output, got, err)
		}
	}
}
