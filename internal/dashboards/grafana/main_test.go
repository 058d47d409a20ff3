package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"stackctl.dev/stackctl/assets"
	"stackctl.dev/stackctl/internal/dashboards"
)

const folder = "features/monitoring/grafana"

// TestGenerated holds that the embedded files are what the generator writes, and that they are the same after Grafana's own types have read
// them: no key is lost, so there is none that those do not know.
func TestGenerated(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	for _, d := range dashboards.All() {
		want, err := generate(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fs.ReadFile(assets.FS, folder+"/"+d.Name+".json")
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("dashboard %q: the file is not what the generator writes (%v): run go generate ./internal/dashboards", d.Name, err)
			continue
		}
		var read dashboard.Dashboard
		if err := json.Unmarshal(got, &read); err != nil {
			t.Errorf("dashboard %q: reading it with Grafana's types: %v", d.Name, err)
		}
		again, err := json.MarshalIndent(read, "", "  ")
		if err != nil || !bytes.Equal(append(again, '\n'), got) {
			t.Errorf("dashboard %q: it is another one after it was read (%v)", d.Name, err)
		}
		var panels int
		for _, p := range read.Panels {
			if p.Panel != nil && len(p.Panel.Targets) > 0 {
				panels++
			}
		}
		if panels != len(d.Panels) {
			t.Errorf("dashboard %q: %d panels with queries, want %d", d.Name, panels, len(d.Panels))
		}
		for _, own := range []string{dashboards.Span, dashboards.SpanMinute} {
			if strings.Contains(string(got), own) {
				t.Errorf("dashboard %q: %s, which Grafana does not know, is left in it", d.Name, own)
			}
		}
	}
}

// TestNames holds that the data source that the dashboards name is the one that is provisioned, and that Grafana's home is one of them.
func TestNames(t *testing.T) {
	source, err := fs.ReadFile(assets.FS, folder+"/datasource.yaml")
	if err != nil || !strings.Contains(string(source), "uid: "+sourceUID) {
		t.Errorf("datasource.yaml does not define %s: %v", sourceUID, err)
	}
}
