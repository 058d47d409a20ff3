package engine

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	configuration "github.com/docker/cli/cli/config"

	"stackctl.dev/stackctl/internal/orchestrate/enginetest"
)

// alone keeps the user's own choice of an engine out of a test, and returns a folder for another configuration.
func alone(t *testing.T) (config string) {
	t.Helper()
	config = t.TempDir()
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_BUILDKIT"} {
		t.Setenv(name, "")
	}
	old := configuration.Dir() // which asks DOCKER_CONFIG once
	configuration.SetDir(config)
	t.Cleanup(func() { configuration.SetDir(old) })
	return config
}

// raw answers with what is no HTTP.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
}

// Whatever is in an engine's place, the error names the address, what was found there, and the next step.
func TestConnectSaysWhatIsThere(t *testing.T) {
	alone(t)
	for name, tt := range map[string]struct {
		answer     http.HandlerFunc
		says, next string
	}{
		"an old engine":          {enginetest.Pings("1.40"), "its API version is 1.40, stackctl needs 1.41", "upgrade the engine"},
		"a version that is none": {enginetest.Pings("new"), "its API version is new, stackctl needs 1.41", "upgrade the engine"},
		"a web server":           {enginetest.Pings(""), "what answers there is no Docker engine", "check the address"},
		"an engine that is ill":  {enginetest.Says(http.StatusInternalServerError, "x"), "500 Internal Server Error", "check the address"},
		"a plugin that refuses":  {enginetest.Says(http.StatusForbidden, "denied by plugin p"), "denied by plugin p", "check the address"},
		"a proxy with a page": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("<p>", 1<<18), http.StatusBadGateway)
		}, "<p><p>", "check the address"},
		"one that hangs":          {enginetest.Hang, "no answer from the engine within 200ms", "not stuck"},
		"one that hangs up":       {enginetest.HangUp, "EOF", "check the address"},
		"one that speaks no HTTP": {raw("SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP", "DOCKER_TLS_VERIFY"},
	} {
		t.Run(name, func(t *testing.T) {
			host := enginetest.Serve(t, tt.answer)
			_, err := Connect(t.Context(), Target{Host: host, Limit: 200 * time.Millisecond})
			var failure *Error
			if !errors.As(err, &failure) || failure.Address != host || !strings.Contains(failure.Next, tt.next) || !strings.Contains(err.Error(), tt.says) || len(err.Error()) > 2000 {
				t.Errorf("%.3000v", err)
			}
		})
	}
	if _, err := Connect(t.Context(), Target{Host: "unix://" + filepath.Join(t.TempDir(), "none")}); err == nil || !strings.Contains(err.Error(), "no engine answers there; start it") {
		t.Errorf("no socket: %v", err)
	}
}

// An engine that is newer than we are is spoken to in the newest words that we know.
func TestConnectNegotiates(t *testing.T) {
	alone(t)
	for theirs, ours := range map[string]string{"1.41": "1.41", "1.999": "1.51"} {
		eng, err := Connect(t.Context(), Target{Host: enginetest.Serve(t, enginetest.Pings(theirs))})
		if err != nil {
			t.Fatal(err)
		}
		if eng.API != ours {
			t.Errorf("the engine's %s: got %s", theirs, eng.API)
		}
		_ = eng.Close()
	}
}

// A target that cannot be used is named, with what to do.
func TestTargetsThatAreNone(t *testing.T) {
	good := enginetest.Serve(t, enginetest.Pings("1.41"))
	for name, tt := range map[string]struct {
		target      Target
		env, config map[string]string
		want        string // "" is the good engine
	}{
		"both flags":                   {target: Target{Host: good, Context: "x"}, want: "exclude each other"},
		"no such context":              {target: Target{Context: "x"}, want: "reading docker context \"x\""},
		"no such context, by variable": {env: map[string]string{"DOCKER_CONTEXT": "y"}, want: "`docker context ls` lists them"},
		"no such context, by file":     {config: map[string]string{"config.json": `{"currentContext":"z"}`}, want: "reading docker context \"z\""},
		"a flag before variables":      {target: Target{Host: good}, env: map[string]string{"DOCKER_HOST": "nonsense", "DOCKER_CONTEXT": "y"}},
		"a variable before the file":   {env: map[string]string{"DOCKER_HOST": good}, config: map[string]string{"config.json": `{"currentContext":"z"}`}},
		"a file that is none":          {env: map[string]string{"DOCKER_HOST": good}, config: map[string]string{"config.json": `{`}},
		"default, by flag":             {target: Target{Context: "default"}, env: map[string]string{"DOCKER_HOST": good}},
		"an address that is none":      {target: Target{Host: "nonsense"}, want: "check DOCKER_HOST"},
		"ssh to nobody":                {target: Target{Host: "ssh://"}, want: "write it as ssh://user@host[:port]"},
		"a context that is damaged": {
			target: Target{Context: "x"}, want: "reading docker context \"x\"",
			config: map[string]string{"contexts/meta/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881/meta.json": "{"},
		},
		"a context without an engine": {
			target: Target{Context: "x"}, want: "reading docker context \"x\"",
			config: map[string]string{"contexts/meta/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881/meta.json": `{"Name":"x","Endpoints":{}}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := alone(t)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			for name, text := range tt.config {
				path := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			eng, err := Connect(t.Context(), tt.target)
			if err == nil {
				defer eng.Close()
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Names of contexts are listed for completion, whatever is wrong with them.
func TestContextsOfADamagedStore(t *testing.T) {
	dir := alone(t)
	path := filepath.Join(dir, "contexts", "meta", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")
	if err := errors.Join(os.MkdirAll(path, 0o700), os.WriteFile(filepath.Join(path, "meta.json"), []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if got := Contexts(); len(got) == 0 || got[0] != "default" {
		t.Errorf("%q", got)
	}
}

// What ssh says is said: it knows why it did not get there.
func TestWordsOfSSH(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell script in the place of ssh")
	}
	alone(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\nread request\necho 'ops@far: Permission denied (publickey).' >&2\nexit 255\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	_, err := Connect(t.Context(), Target{Host: "ssh://ops@far"})
	if err == nil || !strings.Contains(err.Error(), "Permission denied (publickey)") || !strings.Contains(err.Error(), `"ssh://ops@far"`) {
		t.Errorf("%v", err)
	}
}

// Why there was no answer is told apart; who interrupts is told nothing of the engine.
func TestWhyThereIsNoAnswer(t *testing.T) {
	over, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for want, err := range map[string]error{
		"permission denied; join the docker group": Explain(t.Context(), "unix:///s", &os.PathError{Op: "dial", Path: "/s", Err: os.ErrPermission}),
		"no answer within 15s; check the network":  Explain(over, "unix:///s", over.Err()),
	} {
		if err == nil || !strings.Contains(err.Error(), "at \"unix:///s\": "+want) {
			t.Errorf("%v", err)
		}
	}
	if err := Explain(canceled, "unix:///s", errors.New("x")); !errors.Is(err, context.Canceled) || errors.As(err, new(*Error)) {
		t.Errorf("%v", err)
	}
}

// Ports of another machine are not looked for on this one, whatever it is called.
func TestLocalEngines(t *testing.T) {
	for address, want := range map[string]bool{
		"unix:///var/run/docker.sock": true, "npipe:////./pipe/docker_engine": true, "tcp://127.0.0.1:2375": true, "tcp://localhost:2375": true, "tcp://[::1]:2375": true,
		"tcp://127.0.0.2:2375": false, "tcp://127.0.0.10:2375": false, "tcp://127.0.0.1.example.com:2375": false, "tcp://localhost.example.com": false,
		"ssh://localhost": false, "tcp://": false, "": false, "tcp://%zz": false,
	} {
		if got := (&Engine{Address: address}).Local(); got != want {
			t.Errorf("%q: got %v", address, got)
		}
	}
}
