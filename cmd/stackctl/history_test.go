//go:build unix

package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"stackctl.dev/stackctl/internal/history"
)

// historyOf reads the history of a stack once it has all visits.
func historyOf(t *testing.T, project, port string, files ...string) *history.Visits {
	t.Helper()
	read := func() string { // just after PostgreSQL was started, it does not answer
		out, _ := program(t.Context(), t, project, port, append(files, "visits", "--format", "json", "--by", "minute")...).Output()
		return string(out)
	}
	begin := time.Now()
	for deadline := begin.Add(90 * time.Second); ; pause(t.Context(), 200*time.Millisecond) {
		found := &history.Visits{}
		text := read()
		if err := json.Unmarshal([]byte(text), found); err == nil && found.State.Behind == 0 && found.State.Since.After(begin) {
			return found
		}
		if time.Now().After(deadline) {
			t.Fatalf("the history does not come up to date:\n%s", text)
		}
	}
}

// same checks that what the history says is the counter.
func same(t *testing.T, found *history.Visits, counter int64) {
	t.Helper()
	sum := found.Total
	for _, e := range found.Events {
		sum += e.To - e.From
	}
	if sum != counter || found.State.Counter != counter || found.State.Total != found.Total {
		t.Errorf("the counter is %d, but the history has %d visits in its intervals, %d in all, %d with the events, and ends with %d: %+v",
			counter, found.Total, found.State.Total, sum, found.State.Counter, found.Events)
	}
}

// TestHistoryIsExactUnderKills kills every tier, PostgreSQL and the archive among them, while clients count. STACKCTL_EXACT_FOR sets how
// long.
func TestHistoryIsExactUnderKills(t *testing.T) {
	needEngine(t)
	if os.Getenv("STACKCTL_EXACT_FOR") == "" { // there are seven containers to kill
		t.Setenv("STACKCTL_EXACT_FOR", "60s")
	}
	s := startExact(t, ownProject("exact-history"), "limits", "database")
	s.database = true
	countUnderKills(t, s)
	counter := s.visits()
	found := historyOf(t, s.project, s.port, s.files...)
	same(t, found, counter)
	kinds := map[string]int{}
	for _, e := range found.Events {
		kinds[e.Kind]++
	}
	t.Logf("the counter and the history both have %d visits; events: %v", counter, kinds)
	if kinds[history.Lost] > 0 || kinds[history.Changed] > 0 || kinds[history.Began] != 1 {
		t.Errorf("events: %+v", found.Events)
	}
}

// TestDatabase goes through the life of the feature: on and off on a running stack, PostgreSQL away, new passwords, Redis's data lost.
func TestDatabase(t *testing.T) {
	project, port := stackUp(t)
	count := func(n int) {
		t.Helper()
		for range n {
			http200(t, "http://127.0.0.1:"+port+"/count")
		}
	}
	counter := func() int64 {
		t.Helper()
		n, err := strconv.ParseInt(strings.TrimSpace(must(t, project, port, "get", "visits")), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	check := func() *history.Visits {
		t.Helper()
		found := historyOf(t, project, port)
		same(t, found, counter())
		return found
	}
	count(3)
	if out, err := program(t.Context(), t, project, port, "visits").CombinedOutput(); err == nil || !strings.Contains(string(out), "up --with database") {
		t.Errorf("without the feature, visits says: %v\n%s", err, out)
	}
	before := look(t, project)
	counted(t, project, port, func() { must(t, project, port, "up", "--with", "database") })
	for _, c := range before.Containers {
		if found := look(t, project).Of(c.Service); len(found) != 1 || found[0].ID != c.ID {
			t.Errorf("turning the feature on has replaced %s", c.Name)
		}
	}
	check()
	if out := must(t, project, port, "up"); !strings.Contains(out, "nothing changed") {
		t.Errorf("a second up changes something:\n%s", out)
	}
	must(t, project, port, "reset", "--yes")
	count(2)
	if found := check(); !strings.Contains(eventsOf(found), " reset") {
		t.Errorf("events: %+v", found.Events)
	}

	// PostgreSQL away, and back.
	must(t, project, port, "stop", "postgres")
	counted(t, project, port, func() { pause(t.Context(), time.Second) })
	if out, err := program(t.Context(), t, project, port, "visits").CombinedOutput(); err == nil || !strings.Contains(string(out), "PostgreSQL does not answer") {
		t.Errorf("without PostgreSQL, visits says: %v\n%s", err, out)
	}
	must(t, project, port, "start", "postgres")
	check()

	// New passwords: also for sessions that begin afterwards.
	must(t, project, port, "rotate")
	must(t, project, port, "restart", "archive")
	count(2)
	check()
	must(t, project, port, "restart", "postgres")
	check()

	// Off and on again: no visit in between is missing.
	must(t, project, port, "up", "--without", "database")
	count(4)
	must(t, project, port, "up", "--with", "database")
	check()

	// The vault is another one after down, and the data is the same.
	must(t, project, port, "down")
	must(t, project, port, "up", "--with", "database")
	count(1)
	known := check().State.Counter

	loseRedis(t, project)
	if out, _ := program(t.Context(), t, project, port, "up").CombinedOutput(); !strings.Contains(string(out), "restore visits") {
		t.Errorf("up does not say that Redis has lost the counter:\n%s", out)
	}
	count(1)
	t.Log(must(t, project, port, "restore", "visits"))
	if n := counter(); n <= known {
		t.Errorf("the counter is %d, and was %d", n, known)
	}
	check()
	if out, err := program(t.Context(), t, project, port, "restore", "visits").CombinedOutput(); err == nil || !strings.Contains(string(out), "nothing to restore") {
		t.Errorf("a second restore: %v\n%s", err, out)
	}
	if out := must(t, project, port, "exec", "-T", "postgres", "psql", "-At", "-c", "select count(*) from events where kind = 'lost'"); strings.TrimSpace(out) != "1" {
		t.Errorf("psql says %q", out)
	}
}

func eventsOf(v *history.Visits) (text string) {
	for _, e := range v.Events {
		text += " " + e.Kind
	}
	return text
}

// loseRedis removes Redis with its volume, as after a broken disk.
func loseRedis(t *testing.T, project string) {
	t.Helper()
	eng, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	if err := eng.ContainerRemove(t.Context(), project+"-redis-1", container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if err := eng.VolumeRemove(t.Context(), project+"_redis-data", true); err != nil {
		t.Fatal(err)
	}
}
