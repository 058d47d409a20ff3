package report

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSectionTakesThePlaceOfItsLikeAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	section := func(subject, commit string) Section {
		return Section{Subject: subject, Title: "About " + subject, Commit: commit, Facts: []Fact{{"date", "today"}}, Body: "| a |\n", Reading: "### How\n\n- so\n"}
	}
	text := func(subject, commit string) string {
		return "## About " + subject + "\n\nWritten by `go run ./bench -only 'a|b'` at commit " + commit + "; `make bench BENCH_FLAGS='-o docs/benchmarks.md " +
			subject + "'` writes it again.\n\n- date: today\n\n| a |\n\n### How\n\n- so\n"
	}
	const frozen = "## Measured once\n\nkept as it is\n"
	for _, step := range []struct {
		before   string
		sections []Section
		want     string
	}{
		{"", []Section{section("up", "1"), section("count", "1")}, "# Benchmarks\n\n" + text("up", "1") + "\n" + text("count", "1")},
		{
			"# Benchmarks\n\nIntroduction.\n\n" + text("up", "1") + "\n" + text("count", "1") + "\n" + frozen, []Section{section("count", "2")},
			"# Benchmarks\n\nIntroduction.\n\n" + text("up", "1") + "\n" + text("count", "2") + "\n" + frozen,
		},
	} {
		if step.before != "" {
			if err := os.WriteFile(path, []byte(step.before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range step.sections {
			if err := Write(path, []string{"-only", "a|b"}, s); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, string(data)); diff != "" {
			t.Error(diff)
		}
	}
}
