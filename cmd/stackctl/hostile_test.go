package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"
	"golang.org/x/sync/errgroup"

	"stackctl.dev/stackctl/internal/cli"
	"stackctl.dev/stackctl/internal/terminal"
)

// hostile has of each kind of rune that a terminal obeys, or that is not seen, and a line of its own.
const hostile = "x\x1b]0;PWNED\a\x1b[31m\u009b2J\u202e\u2066\u00ad\u034f\u115f\u3164\ufe01\U000e0041\r\nstackctl: forged"

// obeyed is written apart from the code under test.
var obeyed = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x9f\x{ad}\x{34f}\x{115f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{3164}\x{fe01}\x{e0000}-\x{e0fff}]`)

// No command prints what a terminal obeys, whatever names, labels and messages the engine has: as text, as JSON, and in its errors.
func TestHostileNames(t *testing.T) {
	server := httptest.NewServer(engineOf(hostile))
	t.Cleanup(server.Close)
	t.Setenv("DOCKER_HOST", "tcp://"+server.Listener.Addr().String())
	t.Setenv("DOCKER_CONTEXT", "")
	dir := t.TempDir()
	t.Chdir(dir)
	file := filepath.Join(dir, "hostile.yaml")
	content := fmt.Sprintf("name: p\nservices:\n  web:\n    image: redis\n    environment: {A: %[1]s}\n    labels: {%[1]s: %[1]s}\n    command: [%[1]s]\n", quoted(hostile))
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var tries errgroup.Group
	tries.SetLimit(8) // most of them wait
	try := func(args []string, asJSON bool) {
		tries.Go(func() error { tryHostile(t, args, asJSON); return nil })
	}
	eachCommand(t, hostile, func(cmd *cobra.Command, path, args []string) {
		for _, with := range [][]string{{"-p", "p"}, {"-f", file}, {"-f", hostile}, {"-p", "p", "--progress", "json"}} {
			try(append(append(with, path...), args...), false)
		}
		if cmd.Flags().Lookup("format") != nil {
			try(append(append([]string{"-p", "p"}, path...), append([]string{"--format", "json"}, args...)...), true)
		}
		if cmd.Flags().Lookup("json") != nil {
			try(append(append([]string{"-p", "p"}, path...), append([]string{"--json"}, args...)...), true)
		}
		// The engine refuses each name with words of its own.
		try(append(append([]string{"-p", hostile}, path...), args...), false)
		try(append([]string{"__complete", "-p", "p"}, append(path, "")...), false)
	})
	_ = tries.Wait()
}

// config escapes, and drops nothing: who reads it gets the same strings.
func TestHostileConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hostile.yaml")
	content := fmt.Sprintf("name: p\nservices:\n  web:\n    image: redis\n    labels: {%[1]s: %[1]s}\n", quoted(hostile))
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for format, unmarshal := range map[string]func([]byte, any) error{
		"json": json.Unmarshal,
		"yaml": yaml.Unmarshal,
	} {
		var out, told bytes.Buffer
		if code := run(t.Context(), &terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &told}, []string{"-f", file, "config", "--format", format}); code != exitOK {
			t.Fatalf("%s: %d %s", format, code, told.String())
		}
		var got struct {
			Services map[string]struct{ Labels map[string]string }
		}
		if err := unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v\n%s", format, err, out.String())
		}
		if got.Services["web"].Labels[hostile] != hostile {
			t.Errorf("%s: read back %q", format, got.Services["web"].Labels)
		}
		if obeyed.Match(out.Bytes()) {
			t.Errorf("%s: %q", format, out.String())
		}
	}
}

// Errors that are several have a line each; any other line break is foreign.
func TestErrorText(t *testing.T) {
	several := errors.Join(errors.New("one\nforged"), errors.New("two"))
	for want, err := range map[string]error{
		`a\x0ab`:                     errors.New("a\nb"),
		"one\\x0aforged\ntwo":        several,
		"both: one\\x0aforged\ntwo!": fmt.Errorf("both: %w!", several),
		`x: a\x0ab, c`:               fmt.Errorf("x: %w, %w", errors.New("a\nb"), errors.New("c")),
	} {
		if got := cli.ErrorText(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func tryHostile(t *testing.T, args []string, asJSON bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var out, told bytes.Buffer
	run(ctx, &terminal.Streams{In: strings.NewReader("y\n"), Out: &out, Err: &told}, args)
	for stream, text := range map[string]string{"output": out.String(), "error": told.String()} {
		if at := obeyed.FindStringIndex(text); at != nil {
			t.Errorf("%q: the %s has %q:\n%q", args, stream, text[at[0]:at[1]], text[max(0, at[0]-200):min(len(text), at[1]+100)])
		}
		if strings.Contains(text, "\nstackctl: forged") {
			t.Errorf("%q: the %s has a forged line:\n%s", args, stream, text)
		}
	}
	if !asJSON {
		return
	}
	for decoder := json.NewDecoder(&out); ; {
		var value any
		if err := decoder.Decode(&value); err == io.EOF {
			return
		} else if err != nil {
			t.Errorf("%q: %v", args, err)
			return
		}
	}
}
