package main

import (
	"io"
	"slices"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	for args, want := range map[string][]string{"": names, "-n 7 dash up": {"dash", "up"}, "-count-period 1s count": {"count"}} {
		o, err := parse(strings.Fields(args), io.Discard)
		if err != nil || !slices.Equal(o.subjects, want) {
			t.Errorf("%q: %q, %v", args, o.subjects, err)
		}
	}
	for _, args := range []string{"counter", "-n 0", "-count-period 0s", "-dash-period 0s", "-only ("} {
		if _, err := parse(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
