package inspect

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/terminal"
)

func TestExportGrafana(t *testing.T) {
	a := &app{cli.New(&terminal.Streams{Out: io.Discard, Err: io.Discard}, 0)}
	dir := t.TempDir()
	source := filepath.Join(dir, "provisioning", "datasources", "stackctl.yaml")
	for range 2 { // its own files are no obstacle
		if err := a.exportGrafana(dir, false); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{source, filepath.Join(dir, "provisioning", "dashboards", "stackctl.yaml"), filepath.Join(dir, "dashboards", "overview.json")} {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Errorf("%s is not there: %v", file, err)
		}
	}
	if err := os.WriteFile(source, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.exportGrafana(dir, false); err == nil || !strings.Contains(err.Error(), source) {
		t.Errorf("over a foreign file: got %v", err)
	}
	if content, _ := os.ReadFile(source); string(content) != "mine" {
		t.Errorf("the foreign file is %q now", content)
	}
	if err := a.exportGrafana(dir, true); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(source); string(content) == "mine" {
		t.Error("--overwrite left the foreign file")
	}
}
