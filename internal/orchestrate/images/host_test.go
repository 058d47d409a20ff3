package images

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// An image from the host's programs tells the version of its program as the official images do.
func TestHostImageTellsItsVersion(t *testing.T) {
	root := t.TempDir()
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Skip("needs a program to copy:", err)
	}
	for name, content := range map[string]string{
		"usr/sbin/nginx": string(program), "usr/bin/some-tool": string(program),
		"var/lib/dpkg/info/nginx.list": "/usr/sbin/nginx\n", "var/lib/dpkg/info/some-tool.list": "/usr/bin/some-tool\n",
		"var/lib/dpkg/status": "Package: nginx\nVersion: 1.28.0-1~deb13u1\n\nPackage: some-tool\nVersion: 5:7.0-2\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"nginx": "ENV NGINX_VERSION=1.28.0", "some-tool": "ENV SOME_TOOL_VERSION=7.0"} {
		s := load(t, "services: {front: {image: local/front, x-stackctl: {host: {programs: ["+name+"]}}}}\n", nil)
		engine := &hub{present: map[string]time.Time{}}
		if _, err := Ensure(t.Context(), engine, s, Options{Source: "host", HostRoots: []string{root}}, nil); err != nil {
			t.Fatal(err)
		}
		if got := engine.context["Dockerfile"]; !slices.Contains(strings.Split(got, "\n"), want) {
			t.Errorf("%s: want %q in\n%s", name, want, got)
		}
	}
}

// Whether an image is here already or was made now, a plan knows its variables.
func TestVariablesOfAnImage(t *testing.T) {
	s := load(t, "services: {a: {image: here}, b: {image: hub/there}, c: {image: local/made, x-stackctl: {host: {programs: [x]}}}}\n", nil)
	engine := &hub{present: map[string]time.Time{"here": {}, hostRepository + "c:1": {}}, hostMade: hostRepository + "c:1"}
	found, err := Ensure(t.Context(), engine, s, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, image := range ByService(found) {
		if want := []string{"OF=" + image.Ref}; !slices.Equal(image.Variables, want) {
			t.Errorf("%s: variables %q, want %q", name, image.Variables, want)
		}
	}
}
