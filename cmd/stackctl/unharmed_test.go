//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/loadtest"
)

// times is how often a long test goes round: few times, unless the variable says otherwise.
func times(t *testing.T, variable string, few int) int {
	t.Helper()
	if text := os.Getenv(variable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("reading %s: %v", variable, err)
		}
		return n
	}
	return few
}

// TestKilledRollout ends a rollout by kill -9 at a random instant, again and again, under load: no request fails, and the
// next run finishes the job. STACKCTL_KILLS=50 does it so often.
func TestKilledRollout(t *testing.T) {
	project, port := stackUp(t)
	must(t, project, port, "scale", "web=2")
	began := time.Now()
	must(t, project, port, "rollout")
	whole := time.Since(began)
	load := loadtest.Start(t.Context(), loadtest.Target{URL: "http://127.0.0.1:" + port + "/count", Rate: 100})
	for i := range times(t, "STACKCTL_KILLS", 4) {
		level := []string{"debug", "info"}[i%2]
		after := time.Duration(rand.Int64N(int64(whole)))
		cmd := program(t.Context(), t, project, port, "rollout", "--env", "LOG_LEVEL="+level)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.NewTimer(after).C
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		must(t, project, port, "rollout", "--env", "LOG_LEVEL="+level)
		if got := webs(t, project); got != fmt.Sprintf("%s-web-1 running LOG_LEVEL=%s, %[1]s-web-2 running LOG_LEVEL=%[2]s", project, level) {
			t.Errorf("killed after %s, and once more: %s", after, got)
		}
	}
	if r := load.Stop(t.Context()).All; r.Failed > 0 || r.Requests == 0 {
		t.Errorf("%+v", r)
	} else {
		t.Logf("%d requests, none failed, longest gap %s", r.Requests, r.LongestGap)
	}
}

// webs lists the containers of the web tier with their log level.
func webs(t *testing.T, project string) string {
	t.Helper()
	eng, observed := connected(t), look(t, project)
	var found []string
	for _, c := range observed.Containers {
		if c.Service != "web" {
			continue
		}
		info, err := eng.ContainerInspect(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, setting := range info.Config.Env {
			if strings.HasPrefix(setting, "LOG_LEVEL=") {
				found = append(found, c.Name+" "+c.State+" "+setting)
			}
		}
	}
	return strings.Join(found, ", ")
}

// TestManyReplicas goes to fifty replicas and back.
func TestManyReplicas(t *testing.T) {
	many := times(t, "STACKCTL_REPLICAS", 12)
	project, port := stackUp(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var out lockedBuffer
	logs := program(ctx, t, project, port, "logs", "-f", "--tail", "0", "web") // it hears of those that come
	logs.Stdout = &out
	if err := logs.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = logs.Wait() }()
	must(t, project, port, "scale", fmt.Sprintf("web=%d", many))
	if n := strings.Count(must(t, project, port, "ps", "--format", "json"), `"Service":"web","Number":`); n != many {
		t.Errorf("ps lists %d web replicas", n)
	}
	load := loadtest.Start(t.Context(), loadtest.Target{URL: "http://127.0.0.1:" + port + "/count", Rate: 50})
	seen := map[string]bool{}
	deadline, ticker := time.Now().Add(30*time.Second), time.NewTicker(100*time.Millisecond)
	defer ticker.Stop()
	for ; len(seen) < many && time.Now().Before(deadline); <-ticker.C {
		for line := range strings.Lines(out.text()) {
			if name, _, ok := strings.Cut(line, "|"); ok && strings.Contains(line, "visit") {
				seen[strings.TrimSpace(name)] = true
			}
		}
	}
	if len(seen) != many {
		t.Errorf("logs -f has lines of %d replicas that answered: %v", len(seen), seen)
	}
	must(t, project, port, "scale", "web=1")
	if r := load.Stop(t.Context()).All; r.Failed > 0 || r.Requests == 0 {
		t.Errorf("%+v", r)
	}
	if n := strings.Count(must(t, project, port, "ps", "--format", "json"), `"Service":"web","Number":`); n != 1 {
		t.Errorf("ps lists %d web replicas", n)
	}
}
