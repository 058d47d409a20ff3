package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/report"
	"stackctl.dev/stackctl/internal/project"
)

func TestStyles(t *testing.T) {
	events := []report.Event{
		{Kind: report.Started, Verb: "create container", Object: "p-web-1"},
		{Kind: report.Done, Verb: "create container", Object: "p-web-1", Elapsed: 12345 * time.Microsecond, Cause: "it is missing"},
		{Kind: report.Failed, Verb: "start container", Object: "p-web-\x1b[2J1"},
		{Kind: report.Skipped, Verb: "await container", Object: "p-web-1"},
	}
	plain := "create container p-web-1: done in 12ms (it is missing)\nstart container p-web-\\x1b[2J1: failed\n1 step was skipped, since a step before it failed\n"
	for style, want := range map[Style]string{Auto: plain, Plain: plain, Quiet: "", TTY: "✔", JSON: `{"kind":"done","verb":"create container","object":"p-web-1","cause":"it is missing","elapsed_ms":12.345}`} {
		var out bytes.Buffer
		show := style.Renderer(&out)
		for _, e := range events {
			show.Event(e)
		}
		show.Close()
		if got := out.String(); got != want && (style != TTY && style != JSON || !strings.Contains(got, want)) {
			t.Errorf("%s: got %q, want %q", style, got, want)
		}
	}
}

func TestTell(t *testing.T) {
	for style, want := range map[Style]string{Auto: "a\\x1b[2J\n", Quiet: "", JSON: `{"detail":"a\u001b[2J","kind":"message"}` + "\n"} {
		var out bytes.Buffer
		if style.Tell(&out, "a\x1b[2J"); out.String() != want {
			t.Errorf("%s: got %q, want %q", style, out.String(), want)
		}
	}
}

func TestOutcome(t *testing.T) {
	for want, r := range map[string]project.Result{
		"ready in 1.23s": {Changed: true, Took: 1234 * time.Millisecond},
		"nothing changed: 1 container as described":  {Kept: 1},
		"nothing changed: 3 containers as described": {Kept: 3},
	} {
		if got := Outcome("ready", r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
