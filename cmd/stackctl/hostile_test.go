package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
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

	"stackctl.dev/stackctl/internal/orchestrate"
)

// hostile has of each kind of rune that a terminal obeys, or that is not seen, and a line of its own.
const hostile = "x\x1b]0;PWNED\a\x1b[31m\u009b2J\u202e\u2066\u00ad\u034f\u115f\u3164\ufe01\U000e0041\r\nstackctl: forged"

// obeyed is written apart from the code under test.
var obeyed = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x9f\x{ad}\x{34f}\x{115f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{3164}\x{fe01}\x{e0000}-\x{e0fff}]`)

// hostileEngine answers with hostile text wherever an engine may have foreign text.
func hostileEngine(t *testing.T) string {
	t.Helper()
	labels := map[string]string{
		orchestrate.LabelProject: "p", orchestrate.LabelService: hostile, orchestrate.LabelOneOff: "False", orchestrate.LabelContainerNumber: "1",
		orchestrate.LabelConfigFiles: hostile, orchestrate.LabelDependsOn: hostile, orchestrate.LabelFields: hostile, orchestrate.LabelReady: hostile,
		orchestrate.LabelStorePort: hostile, orchestrate.LabelTunnel: hostile, orchestrate.LabelVolume: hostile, orchestrate.LabelNetwork: hostile, hostile: hostile,
	}
	history := map[string]string{orchestrate.LabelKept: "p", orchestrate.LabelHistory: `[{"command":` + quoted(hostile) + `,"verb":` + quoted(hostile) + `,"change":` + quoted(hostile) + `,"error":` + quoted(hostile) + `}]`}
	summary := map[string]any{
		"Id": "c1", "Names": []string{"/" + hostile}, "Image": hostile, "ImageID": hostile, "Command": hostile, "State": "running", "Status": hostile, "Labels": labels,
		"Ports": []any{map[string]any{"IP": hostile, "PrivatePort": 80, "PublicPort": 80, "Type": hostile}}, "NetworkSettings": map[string]any{"Networks": map[string]any{hostile: map[string]any{}}},
	}
	kept := map[string]any{"Id": "h1", "Names": []string{"/" + hostile}, "State": "created", "Labels": history}
	answers := []struct {
		path   string
		answer any
	}{
		{`/_ping$`, "OK"},
		{`/version$`, map[string]any{"Version": hostile, "ApiVersion": "1.41", "Os": hostile, "Arch": hostile, "Platform": map[string]any{"Name": hostile}}},
		{`/info$`, map[string]any{"Name": hostile, "OperatingSystem": hostile, "ServerVersion": hostile, "Driver": hostile, "Warnings": []string{hostile}, "NCPU": 2, "MemTotal": 1 << 30}},
		{`/containers/json$`, []any{summary, kept}},
		{`/containers/[^/]+/json$`, map[string]any{
			"Id": "c1", "Name": "/" + hostile, "Path": hostile, "Image": hostile, "RestartCount": 1,
			"State":  map[string]any{"Status": "running", "Running": true, "Error": hostile, "StartedAt": "2026-01-01T00:00:00Z", "Health": map[string]any{"Status": "unhealthy", "Log": []any{map[string]any{"Output": hostile}}}},
			"Config": map[string]any{"Labels": labels, "Env": []string{hostile + "=" + hostile}, "Image": hostile, "Tty": true}, "HostConfig": map[string]any{"LogConfig": map[string]any{"Type": "json-file"}},
		}},
		{`/containers/[^/]+/logs$`, "2026-01-01T00:00:00.000000000Z " + strings.ReplaceAll(hostile, "\n", " ") + "\n"},
		{`/containers/[^/]+/top$`, map[string]any{"Titles": []string{"PID", hostile}, "Processes": [][]string{{"1", hostile}}}},
		{`/containers/[^/]+/stats$`, map[string]any{"name": hostile, "read": "2026-01-01T00:00:00Z"}},
		{`/events$`, map[string]any{"Type": "container", "Action": hostile, "Actor": map[string]any{"ID": hostile, "Attributes": labels}, "timeNano": 1}},
		{`/networks$`, []any{map[string]any{"Id": "n1", "Name": hostile, "Driver": hostile, "Labels": labels}}},
		{`/volumes$`, map[string]any{"Volumes": []any{map[string]any{"Name": hostile, "Driver": hostile, "Labels": labels}}}},
		{`/images/json$`, []any{map[string]any{"Id": hostile, "RepoTags": []string{hostile}, "Labels": labels}}},
		{`/images/.*/json$`, map[string]any{"Id": hostile, "RepoTags": []string{hostile}, "Config": map[string]any{"Labels": labels}}},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		for _, a := range answers {
			if r.Method == http.MethodPost || !regexp.MustCompile(a.path).MatchString(r.URL.Path) {
				continue
			}
			if text, ok := a.answer.(string); ok {
				_, _ = io.WriteString(w, text)
				return
			}
			_ = json.NewEncoder(w).Encode(a.answer)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": hostile})
	}))
	t.Cleanup(server.Close)
	return "tcp://" + server.Listener.Addr().String()
}

func quoted(text string) string {
	data, _ := json.Marshal(text) // a string always can
	return string(data)
}

// hostileArgs are what each command is run with; none may be missing.
var hostileArgs = map[string][]string{
	"exec": {hostile, hostile}, "run": {hostile, hostile}, "port": {hostile, "80"}, "get": {hostile}, "del": {hostile}, "keys": {hostile}, "scale": {"web=2"},
	"top": {}, "events": {"--until", "0s"}, "stats": {"--no-stream"}, "verify": {"--duration", "100ms", "--", hostile}, "wait": {hostile}, "reset": {"-y"},
	"redis": {"GET", hostile}, "down": {"-y"}, "rollback": {hostile}, "rollout": {hostile}, "logs": {}, "dash": {"--once"}, "lookup": {hostile},
	"up": {"--wait-timeout", "1s"}, "create": {}, "plan": {}, "ps": {"-a"}, "ls": {"-a"}, "images": {}, "history": {}, "config": {}, "doctor": {}, "version": {},
	"start": {}, "stop": {}, "restart": {}, "kill": {}, "pause": {}, "unpause": {}, "rm": {"-f"}, "pull": {}, "build": {}, "tunnel": {hostile},
	"images load": {hostile}, "images save": {"-o", hostile}, "images pull": {}, "images build": {}, "images list": {}, "images ls": {},
	"__complete logs": {""}, "__complete get": {""}, "__complete exec": {""}, "__complete up": {""},
}

// hostileSkips say why a command is not run.
var hostileSkips = map[string]string{
	"serve": "the web tier: reads nothing of an engine, and logs JSON by slog", "demo": "runs until Ctrl-C, with an engine of its own",
	"completion": "prints a script of cobra's", "help": "prints our own text", "man": "prints our own text",
}

// No command prints what a terminal obeys, whatever names, labels and messages the engine has: as text, as JSON, and in its errors.
func TestHostileNames(t *testing.T) {
	t.Setenv("DOCKER_HOST", hostileEngine(t))
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
	var visit func(cmd *cobra.Command, path []string)
	visit = func(cmd *cobra.Command, path []string) {
		for _, sub := range cmd.Commands() {
			visit(sub, append(path[:len(path):len(path)], sub.Name()))
		}
		if len(path) == 0 || !cmd.Runnable() {
			return
		}
		name := strings.Join(path, " ")
		if hostileSkips[path[0]] != "" {
			return
		}
		args, ok := hostileArgs[name]
		if !ok {
			t.Errorf("command %q is not tried: give it arguments", name)
			return
		}
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
	}
	visit(newRoot(&streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}), nil)
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
		if code := run(t.Context(), &streams{In: strings.NewReader(""), Out: &out, Err: &told}, []string{"-f", file, "config", "--format", format}); code != exitOK {
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
		if got := errorText(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func tryHostile(t *testing.T, args []string, asJSON bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var out, told bytes.Buffer
	run(ctx, &streams{In: strings.NewReader("y\n"), Out: &out, Err: &told}, args)
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
