package theme

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBuiltinLoads(t *testing.T) {
	set, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, theme := range []*Theme{set.Dark, set.Light} {
		if len(theme.services) < 4 {
			t.Errorf("theme %s has %d colours for services", theme.Name, len(theme.services))
		}
		a, b, c := theme.Service("nginx").Render("x"), theme.Service("web").Render("x"), theme.Service("redis").Render("x")
		if a == b || b == c || a == c {
			t.Errorf("theme %s: tiers share a colour", theme.Name)
		}
	}
	if set.For(true) != set.Dark || set.For(false) != set.Light {
		t.Error("the background chooses the wrong theme")
	}
}

func TestOwnFile(t *testing.T) {
	for text, want := range map[string]string{
		`{"dark": {"text": "#123456"}}`:  "",
		`{"dark": {"txt": "#123456"}}`:   `unknown field "txt"`,
		`{"dim": {}}`:                    `theme "dim" is neither dark nor light`,
		`{"light": {"services": []}}`:    `"services" has no colours`,
		`not json`:                       "invalid character",
		`{"light": {"services": ["4"]}}`: "",
		`{"light": {"text": 4}}`:         "cannot unmarshal",
	} {
		path := filepath.Join(t.TempDir(), "theme.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := Load("no/such/file"); err == nil {
		t.Error("a file that is not there loads")
	}
}
