package images

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The linker's own ID says what is in a Go program; of what has none, the content is hashed.
func TestDigestOfABinary(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("build IDs are in a note of ELF files")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	own, err := DigestBinary(program)
	if err != nil {
		t.Fatal(err)
	}
	digest := func(content []byte) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "binary")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		sum, err := DigestBinary(path)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if got := digest(append(slices.Clone(content), "what a tool has added"...)); got != own {
		t.Errorf("the same program: got %s, want %s", got, own)
	}
	i := strings.Index(string(content), "Go\x00\x00")
	if i < 0 {
		t.Fatal("no build ID in the test's own binary")
	}
	content[i+5] ^= 1
	if digest(content) == own {
		t.Error("another build ID gives the same digest")
	}
	if digest([]byte("one")) == digest([]byte("two")) {
		t.Error("what is no Go program is not told apart")
	}
}

// A stackctl built with cgo takes its loader and libraries along.
func TestRootfsOfADynamicProgram(t *testing.T) {
	const program = "/bin/true" // any that needs libraries
	if _, err := os.Stat(program); runtime.GOOS != "linux" || err != nil {
		t.Skipf("needs %s of a Linux machine", program)
	}
	rootfs, err := rootfsOf(program)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(rootfs); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
	for _, want := range []string{"stackctl", "libc.so", "ld-linux"} {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(filepath.Base(name), want) }) {
			t.Errorf("no %s in %q", want, names)
		}
	}
}
