package assets_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/stack"
)

// promtool runs Prometheus's own checker, in a folder with the rules.
func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		if home, _ := os.UserCacheDir(); home != "" {
			program = filepath.Join(home, "stackctl", "host", "usr", "bin", "promtool")
			_, err = os.Stat(program)
		}
	}
	if err != nil {
		t.Skip("there is no program `promtool`; `scripts/host-programs --with monitoring` gets it")
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// rules writes the rules, and what tests them, into a folder.
func rules(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"alerts.rules.yml", "recording.rules.yml"} {
		content, err := fs.ReadFile(assets.FS, "features/monitoring/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	test, err := os.ReadFile("testdata/alerts.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "alerts.test.yml"), test, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Prometheus takes its configuration with each feature, and the rules.
func TestPrometheusTakesItsConfiguration(t *testing.T) {
	conf, err := fs.ReadFile(assets.FS, "features/monitoring/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, with := range [][]string{{"monitoring"}, {"monitoring", "waf", "tls", "database", "alerting"}} {
		dir := rules(t)
		text := stack.RenderFeatures(string(conf), with, nil)
		text = strings.ReplaceAll(text, "/etc/prometheus/stackctl/", dir+"/")
		if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		promtool(t, dir, "check", "config", "prometheus.yml")
	}
}

// Each alert fires when it should, and not before.
func TestAlertsFire(t *testing.T) {
	promtool(t, rules(t), "test", "rules", "alerts.test.yml")
}

// Each alert has a test, a summary and what to do next.
func TestEachAlertIsTested(t *testing.T) {
	content, err := fs.ReadFile(assets.FS, "features/monitoring/alerts.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("testdata/alerts.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllSubmatch(content, -1)
	for _, alert := range alerts {
		if !regexp.MustCompile(`alertname: ` + string(alert[1]) + `\b[\s\S]*?exp_alerts: *\n`).Match(tests) {
			t.Errorf("alert %s has no test in which it fires", alert[1])
		}
		if !bytes.Contains(doc, []byte("`"+string(alert[1])+"`")) {
			t.Errorf("docs/monitoring.md lacks alert %s", alert[1])
		}
	}
	for _, key := range []string{"summary: ", "next: ", "severity: "} {
		if n := bytes.Count(content, []byte(key)); n < len(alerts) {
			t.Errorf("%d of %d alerts have %q", n, len(alerts), key)
		}
	}
}
