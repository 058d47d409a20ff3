//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

// historyQuery lists what the history has, without that it was seen again.
const historyQuery = "select minute, visits from minutes order by 1; select at, kind, from_counter, to_counter from events where kind <> 'restarted' order by ordinal"

// A backup is restored on another engine: keys, counter and history are the same, and it goes on counting.
func TestRestoreOnAnotherEngine(t *testing.T) {
	other := newOwnEngine(t)
	s := save(t, "backup-engine", "--with", "database")
	port := ports(t, 1)[0]
	other.must(port, "restore", "--to", restartProject, "--port", port, "--passphrase-file", s.passwords, s.file)
	eng, err := engine.Connect(t.Context(), engine.Target{Host: other.host()})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	want, got := contents(t, connected(t), s.project), contents(t, eng, restartProject)
	for key, content := range want {
		if got[key] != content && !strings.HasPrefix(key, "{visits}:") {
			t.Errorf("key %q is %s, want %s", key, got[key], content)
		}
	}
	had := must(t, s.project, s.port, "exec", "postgres", "psql", "-At", "-c", historyQuery)
	awaitOutput(t, had, func() ([]byte, error) {
		return other.program(t.Context(), port, "exec", "postgres", "psql", "-At", "-c", historyQuery).CombinedOutput()
	})
	visitOnce(t, port)
	// The history goes on from the backup, too.
	awaitOutput(t, "4|0\n", func() ([]byte, error) {
		return other.program(t.Context(), port, "exec", "postgres", "psql", "-At", "-c", "select counter, (select sum(visits) from minutes) - visits + first from series").CombinedOutput()
	})
	if out, err := other.program(t.Context(), port, "get", "visits").Output(); err != nil || string(out) != "4\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// awaitOutput runs a program until it prints what is wanted: the archive hands the history over a moment later.
func awaitOutput(t *testing.T, want string, run func() ([]byte, error)) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for ticker := time.NewTicker(200 * time.Millisecond); ; <-ticker.C {
		out, err := run()
		if string(out) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v, and it printed\n%s\nwant\n%s", err, out, want)
		}
	}
}
