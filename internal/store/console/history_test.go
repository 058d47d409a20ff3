package console

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func openHistory(t *testing.T, path string) *History {
	t.Helper()
	h, err := OpenHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHistoryIsKeptInAPrivateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "history")
	h := openHistory(t, path)
	for _, line := range []string{"GET a", "GET a", " GET hidden", "", "SET a 1  ", "two\nlines", strings.Repeat("x", maxHistoryLine+1)} {
		h.Add(line)
	}
	if want := []string{"GET a", "SET a 1"}; !slices.Equal(h.lines, want) || h.Err() != nil {
		t.Errorf("got %q, %v, want %q", h.lines, h.Err(), want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info.Mode(), err)
	}
	again := openHistory(t, path)
	if again.Len() != 2 || again.At(1) != "SET a 1" {
		t.Errorf("got %q", again.lines)
	}
}

func TestHistoryMakesAnOpenFilePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, []byte("GET a\nAUTH old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := openHistory(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || h.Len() != 1 {
		t.Errorf("got %v, %v, %q", info.Mode(), err, h.lines)
	}
	if raw, _ := os.ReadFile(path); string(raw) != "GET a\n" {
		t.Errorf("got %q, want the secret gone", raw)
	}
}

func TestHistoryHoldsNoSecrets(t *testing.T) {
	for line, want := range map[string]bool{
		"AUTH pw": true, `auth "user" pw`: true, "2 AUTH pw": true, "HELLO 3 AUTH u p": true, "CONFIG SET requirepass x": true, `AUTH "pw`: true,
		`"\x41UTH" pw`: true, "CONFIG SET maxmemory 1 masterauth x": true, "CONFIG SET tls-key-file-pass x": true, "ACL SETUSER a >pw": true,
		"MIGRATE h 1 k 0 5 AUTH pw": true, "MIGRATE h 1 k 0 5 AUTH2 u pw": true, "SENTINEL SET m auth-pass x": true,
		"HELLO 3": false, "CONFIG GET requirepass": false, "ACL GETUSER a": false, "GET auth": false, "AUTH": false, "MIGRATE h 1 k 0 5": false, "": false,
	} {
		if got := Secret(line); got != want {
			t.Errorf("%q: got secret %v, want %v", line, got, want)
		}
		h := &History{}
		if h.Add(line); want && h.Len() != 0 {
			t.Errorf("%q is kept", line)
		}
	}
}

// TestHistoryOfManyProcesses adds to one file through several histories, while others open and so trim it: each line is there once.
func TestHistoryOfManyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	for i := range 2*maxHistory + 10 {
		if err := appendLine(path, fmt.Sprintf("OLD %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	const writers, each = 4, 50
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			h := openHistory(t, path)
			for i := range each {
				h.Add(fmt.Sprintf("NEW %d %d", w, i))
			}
		})
	}
	group.Wait()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(raw), "OLD"); n != maxHistory {
		t.Errorf("got %d old lines, want it trimmed to %d", n, maxHistory)
	}
	for w := range writers {
		for i := range each {
			if n := strings.Count(string(raw), fmt.Sprintf("NEW %d %d\n", w, i)); n != 1 {
				t.Fatalf("line %d of writer %d: got it %d times", i, w, n)
			}
		}
	}
	left, _ := os.ReadDir(filepath.Dir(path))
	if len(left) != 1 {
		t.Errorf("got %v, want the file alone", left)
	}
}

func TestHistoryInMemoryIsBounded(t *testing.T) {
	h := openHistory(t, "")
	for i := range maxHistory + 5 {
		h.Add(fmt.Sprint("GET ", i))
	}
	if h.Len() != maxHistory || h.At(0) != "GET 5" {
		t.Errorf("got %d lines from %q", h.Len(), h.At(0))
	}
}

func TestHistoryThatCannotBeOpenedStillWorks(t *testing.T) {
	dir := t.TempDir()
	h, err := OpenHistory(dir) // a folder
	if err == nil {
		t.Error("got no error")
	}
	h.Add("GET a")
	if h.Len() != 1 {
		t.Error("the line is not kept")
	}
}

func TestSearchGoesBack(t *testing.T) {
	h := &History{}
	for _, line := range []string{"GET a", "SET a 1", "GET b"} {
		h.Add(line)
	}
	for _, c := range []struct {
		text   string
		before int
		at     int
		ok     bool
	}{{"GET", 3, 2, true}, {"GET", 99, 2, true}, {"GET", 2, 0, true}, {"GET", 0, 0, false}, {"nope", 3, 0, false}} {
		if at, ok := h.Search(c.text, c.before); at != c.at || ok != c.ok {
			t.Errorf("%q before %d: got %d, %v", c.text, c.before, at, ok)
		}
	}
}

// FuzzHistory holds that a file of any bytes gives lines that can be shown and kept again.
func FuzzHistory(f *testing.F) {
	f.Add([]byte("GET a\nAUTH x\n"), "SET a 1")
	f.Add([]byte("\x00\xff\r\n\n"), "\x1b]52;c;x\a")
	f.Fuzz(func(t *testing.T, file []byte, line string) {
		path := filepath.Join(t.TempDir(), "history")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		h := openHistory(t, path)
		h.Add(line)
		again := openHistory(t, path)
		if h.Len() > maxHistory || h.Err() != nil {
			t.Fatal(h.Len(), h.Err())
		}
		for i := range again.Len() {
			if at := again.At(i); strings.Contains(at, "\n") || Secret(at) {
				t.Errorf("got %q", at)
			}
		}
	})
}
