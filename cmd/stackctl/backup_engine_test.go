//go:build linux

package main

import (
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/orchestrate/engine"
)

// A backup is restored on another engine: keys and counter are the same, and it goes on counting.
func TestRestoreOnAnotherEngine(t *testing.T) {
	other := newOwnEngine(t)
	s := save(t, "backup-engine")
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
	visitOnce(t, port)
	if out, err := other.program(t.Context(), port, "get", "visits").Output(); err != nil || string(out) != "4\n" {
		t.Errorf("%q, %v", out, err)
	}
}
