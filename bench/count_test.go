package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stackctl.dev/stackctl/assets"
)

func captured(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "count", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestParseWrk(t *testing.T) {
	for name, want := range map[string]sample{
		"wrk.txt":          {rate: 662.91, p50: 1.38, p99: 5.95, requests: 664},
		"wrk-statuses.txt": {rate: 2320.33, p50: 0.342, p99: 51.87, requests: 2553, bad: 2553},
		"wrk-errors.txt":   {rate: 15652.54, p50: 0.239, p99: 1.77, requests: 17219, bad: 4919, broken: 2458},
	} {
		got, err := parseWrk(captured(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	cut, _, _ := strings.Cut(captured(t, "wrk.txt"), "Latency Distribution")
	for name, text := range map[string]string{"none answered": captured(t, "wrk-none.txt"), "cut": cut, "empty": ""} {
		if s, err := parseWrk(text); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestParseRedisBenchmark(t *testing.T) {
	got, err := parseRedisBenchmark(captured(t, "redis-benchmark.csv"))
	want := sample{rate: 79365.08, p50: 0.399, p99: 1.735}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, text := range []string{"", "\"INCR\",\"1.0\"\n", "\"test\",\"rps\"\n\"INCR\",\"1.0\"\n"} {
		if s, err := parseRedisBenchmark(text); err == nil {
			t.Errorf("%q: %+v", text, s)
		}
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
	b := ratioBar{text: "bar", of: spot{"a", byPort, 64}, against: spot{"b", byPort, 64}, number: rateOf, limit: 0.8}
	c := &counting{bench: &bench{options: options{countRounds: 4}}, samples: map[spot]map[int]sample{
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
	c := &counting{bench: &bench{options: options{countRounds: 1}}, samples: map[spot]map[int]sample{}, memory: []float64{31}}
	put := func(what string, connections ...int) {
		for _, n := range connections {
			for _, path := range []string{byPort, byBridge} {
				c.samples[spot{what, path, n}] = map[int]sample{0: {rate: 1, p50: 1}}
			}
		}
	}
	for _, what := range []string{nginxCount, nginxRoot, seedCount} {
		put(what, countTogether...)
	}
	for _, n := range countReplicas {
		put(nginxCount+byReplicas(n), countLoads...)
	}
	c.targets = []target{{what: nginxCount, path: byPort}, {what: webCount, path: byBridge}}
	c.failures = []string{"one failure"}
	text := strings.Join(strings.Fields(c.section("bench")), " ")
	if strings.Contains(text, "not measured") {
		t.Error(text)
	}
	for _, want := range []string{"31.0 MB | **not met**", "Failed: - one failure ###", "| failed |"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in it:\n%s", want, text)
		}
	}
}

func TestSectionOfTheCounterIsReplacedAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := os.WriteFile(path, []byte("# Benchmarks\n\nx\n\n"+countTitle+"\n\nold\n\n"+dashTitle+"\n\nkept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &report{bench: &bench{}, count: &counting{bench: &bench{}, commit: "abc"}}
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if !strings.HasPrefix(text, "# Benchmarks\n\nx\n\n"+countTitle) || !strings.HasSuffix(text, "\n\n"+dashTitle+"\n\nkept\n") ||
		!strings.Contains(text, "commit abc") || strings.Contains(text, "old") {
		t.Error(text)
	}
}

func TestRoundsOfTheCounter(t *testing.T) {
	for args, want := range map[string]int{"": 3, "-n 7": 7, "-count only -count-seconds 1": 3} {
		o, err := parse(strings.Fields(args), io.Discard)
		if err != nil || o.countRounds != want {
			t.Errorf("%q: %d, %v", args, o.countRounds, err)
		}
	}
	for _, args := range []string{"-count maybe", "-count-seconds 0", "-count only -dash only"} {
		if _, err := parse(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

func TestNginxListensWhereThePlainOneAnswers(t *testing.T) {
	conf, err := assets.FS.ReadFile("nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	if found := listens.FindAll(conf, -1); len(found) != 1 {
		t.Errorf("%q", found)
	}
}
