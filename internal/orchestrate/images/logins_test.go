package images

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli/config"
	"github.com/docker/docker/api/types/registry"
)

// configure puts an empty configuration in the place of the user's own.
func configure(t *testing.T) (dir string) {
	t.Helper()
	dir, old := t.TempDir(), config.Dir() // which asks DOCKER_CONFIG once
	config.SetDir(dir)
	t.Cleanup(func() { config.SetDir(old) })
	return dir
}

// A login goes to the registry that it is for, and to no other whose name is like it.
func TestLogins(t *testing.T) {
	dir := configure(t)
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"auths": {
		"https://index.docker.io/v1/": {"username": "hub", "password": "x"}, "my.registry.example.com": {"username": "mine", "password": "x"},
		"https://old.example.com/v2/": {"username": "old", "password": "x"}, "localhost:5000": {"username": "local", "password": "x"}}}`)
	for ref, want := range map[string]string{
		"nginx": "hub", "docker.io/library/nginx:1": "hub", "some/thing": "hub", "my.registry.example.com/a/b:1": "mine", "old.example.com/a": "old", "localhost:5000/a": "local",
		"r.io/a": "", "registry.example.com/a": "", "example.com/a": "", "localhost:500/a": "", "index.docker/a": "",
	} {
		encoded, err := credentials(ref)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if got, err := registry.DecodeAuthConfig(encoded); err != nil || got.Username != want {
			t.Errorf("%s: the login of %q, want %q (%v)", ref, got.Username, want, err)
		}
	}
	if _, err := credentials("No Name"); err == nil || !strings.Contains(err.Error(), `reading image name "No Name"`) {
		t.Errorf("%v", err)
	}
	write(`{"credsStore": "of-nobody"}`)
	if _, err := credentials("nginx"); err == nil || !strings.Contains(err.Error(), "reading the login for") || !strings.Contains(err.Error(), "docker-credential-of-nobody") {
		t.Errorf("%v", err)
	}
}
