package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSectionOfTheDashboardIsReplacedAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	stack := func() *report {
		return &report{bench: &bench{contenders: []*contender{{name: stackctlName}}}, commit: "abc"}
	}
	dash := func(commit string) *report { return &report{bench: &bench{rows: dashRows()}, commit: commit} }
	for _, step := range []struct {
		report *report
		has    []string
		hasNot []string
	}{
		{&report{bench: &bench{}, dash: dash("first")}, []string{"commit first"}, []string{"# Benchmarks"}},
		{stack(), []string{"# Benchmarks", "commit abc", "commit first"}, nil},
		{&report{bench: &bench{}, dash: dash("second")}, []string{"# Benchmarks", "commit second"}, []string{"commit first"}},
		{&report{bench: stack().bench, dash: dash("third")}, []string{"# Benchmarks", "commit third"}, []string{"commit second"}},
	} {
		if err := step.report.write(path); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range step.has {
			if strings.Count(string(data), part) != 1 {
				t.Errorf("%q is not in it once:\n%s", part, data)
			}
		}
		for _, part := range step.hasNot {
			if strings.Contains(string(data), part) {
				t.Errorf("%q is in it:\n%s", part, data)
			}
		}
	}
}

func TestSectionAmongOthers(t *testing.T) {
	rest, section := splitSection("# A\n\n## The dashboard\n\nx\n\n## B\n\ny\n", dashTitle)
	if rest != "# A\n\n## B\n\ny\n" || section != "## The dashboard\n\nx\n" {
		t.Errorf("%q, %q", rest, section)
	}
}
