package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/loadtest"
)

// Features are turned on and off under load without a failed request; clients follow the redirect to HTTPS.
func TestFeaturesUnderLoad(t *testing.T) {
	needEngine(t)
	project := ownProject("features-load")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	tls, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cleanUp(t, project) })
	run := func(args ...string) {
		t.Helper()
		cmd := program(t.Context(), t, project, port, args...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	run("up", "--scale", "web=2")
	for _, args := range [][]string{
		{"rollout", "web", "--env", "B=1"}, {"up", "--with", "waf"}, // which takes the variable back, too
		{"up", "--with", "tls", "--tls-port", tls}, {"up"}, {"scale", "web=3"}, {"scale", "waf=2"}, {"rollout", "web", "--env", "A=1"},
		{"rollback", "web"}, {"up", "--without", "waf"}, {"up", "--without", "limits"}, {"up", "--without", "tls"},
	} {
		load := loadtest.Start(t.Context(), loadtest.Target{URL: "http://127.0.0.1:" + port + "/count", Rate: 100, Follow: true})
		run(args...)
		report := load.Stop(t.Context())
		t.Logf("%v: %d requests, the slowest in %s, %d repeated", args, report.All.Requests, report.All.Max.Round(time.Millisecond), report.All.Repeated)
		if report.All.Failed > 0 || report.All.Requests == 0 {
			t.Errorf("%v: of %d requests %d failed: %v\n%s", args, report.All.Requests, report.All.Failed, report.All.Reasons, failures(t, project, port))
		}
	}
}

// failures are the lines that tell of failed requests, with the firewall's own words about them.
func failures(t *testing.T, project, port string) string {
	t.Helper()
	out, err := program(t.Context(), t, project, port, "logs", "--no-color", "--timestamps").CombinedOutput()
	if err != nil {
		return err.Error()
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, `"status":5`) || strings.Contains(line, "upstream failed") || strings.Contains(line, "[error]") {
			found = append(found, line)
		}
	}
	return strings.Join(found[:min(len(found), 20)], "")
}

// Each feature alone goes through the verbs: a second up changes nothing, and what is turned off is gone.
func TestEachFeatureAlone(t *testing.T) {
	needEngine(t)
	t.Parallel()
	for feature, tiers := range map[string]int{"waf": 1, "tls": 2} {
		t.Run(feature, func(t *testing.T) {
			t.Parallel()
			project := ownProject("alone-" + feature)
			port, err := freePort()
			if err != nil {
				t.Fatal(err)
			}
			tls, err := freePort()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cleanUp(t, project) })
			must(t, project, port, "up", "--with", feature, "--tls-port", tls)
			if out := must(t, project, port, "up"); !strings.Contains(out, "nothing changed") {
				t.Errorf("a second up changes something:\n%s", out)
			}
			must(t, project, port, "scale", "web=2")
			must(t, project, port, "rollout", "web", "--env", "A=1")
			must(t, project, port, "rollback", "web")
			if got := len(look(t, project).Containers); got != 4+tiers {
				t.Errorf("there are %d containers, want %d", got, 4+tiers)
			}
			must(t, project, port, "up", "--without", feature)
			if got := len(look(t, project).Containers); got != 4 {
				t.Errorf("without it there are %d containers, want 4", got)
			}
			if out := must(t, project, port, "down"); strings.Contains(out, "--with") {
				t.Errorf("down says\n%s", out)
			}
		})
	}
}

// The Compose file that `config` prints of a stack with features is one for docker compose.
func TestComposeTakesFeatures(t *testing.T) {
	compose := os.Getenv("STACKCTL_COMPOSE")
	if compose == "" {
		t.Skip("needs docker compose: STACKCTL_COMPOSE=$(scripts/ensure-compose)")
	}
	for _, with := range []string{"waf", "tls", "waf,tls"} {
		printed, err := program(t.Context(), t, "p", "5002", "config", "--with", with).Output()
		if err != nil {
			t.Fatal(err)
		}
		check := exec.CommandContext(t.Context(), compose, "-f", "-", "config", "--quiet")
		check.Stdin = bytes.NewReader(printed)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("with %s: %v\n%s", with, err, out)
		}
	}
}
