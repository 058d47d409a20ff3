package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/dashboards"
	"stackctl.dev/stackctl/internal/loadtest"
	"stackctl.dev/stackctl/internal/prometheus"
)

// quietPanels are those without data where all is well, by title: of features that are off, and of what does not happen here.
var quietPanels = []string{"Stopped by the firewall", "Alerts"}

// Every query of every panel has data on the real Prometheus while the stack is under load, and what is done to the stack is marked.
func TestPanelsHaveData(t *testing.T) {
	needEngine(t)
	t.Parallel()
	project := ownProject("panels")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cleanUp(t, project) })
	must(t, project, port, "up", "--with", "monitoring")
	load := loadtest.Start(t.Context(), loadtest.Target{URL: "http://127.0.0.1:" + port + "/count", Rate: 50})
	client := prometheus.Reach(connected(t), project)
	defer client.Close()
	type asked struct{ panel, expr string }
	var left []asked
	for _, d := range dashboards.All() {
		for _, p := range d.Panels {
			if slices.Contains(quietPanels, p.Title) {
				continue
			}
			for _, q := range p.Queries {
				left = append(left, asked{d.Title + ": " + p.Title, strings.ReplaceAll(q.Expr, dashboards.Window, "30s")})
			}
		}
	}
	deadline := time.Now().Add(90 * time.Second)
	for len(left) > 0 && time.Now().Before(deadline) {
		left = slices.DeleteFunc(left, func(a asked) bool {
			found, err := client.Instant(t.Context(), a.expr, time.Now())
			if err != nil {
				t.Fatalf("%s: %v", a.panel, err)
			}
			return len(found) > 0 && !math.IsNaN(float64(found[0].Value))
		})
		time.Sleep(time.Second)
	}
	for _, a := range left {
		t.Errorf("panel %q has no data: %s", a.panel, a.expr)
	}
	must(t, project, port, "scale", "web=2")
	awaitEvent(t, client, "scaling")
	must(t, project, port, "rollout", "web", "--env", "A=1")
	awaitEvent(t, client, "rollout")
	if report := load.Stop(t.Context()); report.All.Failed > 0 {
		t.Errorf("of %d requests %d failed: %v", report.All.Requests, report.All.Failed, report.All.Reasons)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	for _, event := range []string{"◆ scaling", "▲ rollout"} {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Second) { // the board looks every 15 s
			must(t, project, port, "board", "--once", file)
			content, err := os.ReadFile(file)
			if err == nil && strings.Contains(string(content), event) {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("the report of %d bytes lacks the event %s: %v", len(content), event, err)
				break
			}
		}
	}
}

// awaitEvent waits until an event is found in the metrics.
func awaitEvent(t *testing.T, client *prometheus.Client, name string) {
	t.Helper()
	i := slices.IndexFunc(dashboards.Events, func(e dashboards.Event) bool { return e.Name == name })
	expr := strings.NewReplacer(dashboards.SpanMinute, "80s", dashboards.Span, "20s").Replace(dashboards.Events[i].Expr)
	deadline := time.Now().Add(150 * time.Second)
	for time.Now().Before(deadline) {
		found, err := client.Instant(t.Context(), expr, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 && found[0].Value >= 1 {
			return
		}
		time.Sleep(time.Second)
	}
	t.Errorf("no event %q: %s", name, expr)
}
