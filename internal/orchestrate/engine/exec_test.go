package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"stackctl.dev/stackctl/internal/orchestrate/enginetest"
)

// A command that cannot be run, or whose end is not known, is an error that says so; an exit code is none.
func TestExecsThatFail(t *testing.T) {
	running := enginetest.Document(container.ExecInspect{ExecID: "x", Running: true})
	var asked atomic.Int64
	for name, tt := range map[string]struct {
		create, start, inspect http.HandlerFunc
		code                   int
		want                   string
	}{
		"it runs":           {nil, enginetest.Prints(enginetest.Frame(stdcopy.Stdout, "hello")), ended(0), 0, ""},
		"it fails":          {nil, enginetest.Prints(""), ended(7), 7, ""},
		"paused":            {enginetest.Says(http.StatusConflict, "Container c is paused, unpause the container before exec"), nil, nil, 0, "creating exec in container \"web-id\": Error response from daemon: Container c is paused"},
		"no ID":             {enginetest.Document(map[string]string{}), nil, nil, 0, "it has no ID"},
		"no start":          {nil, enginetest.Says(http.StatusInternalServerError, "x"), nil, 0, "attaching to exec in container \"web-id\""},
		"no answer":         {nil, enginetest.Hang, nil, 0, "no answer from the engine within 200ms"},
		"the engine's end":  {nil, enginetest.Prints(enginetest.Frame(stdcopy.Systemerr, "read: input/output error")), nil, 0, "reading from exec in container \"web-id\": error from daemon in stream: read: input/output error"},
		"no frames":         {nil, enginetest.Prints("Segmentation fault"), nil, 0, "Unrecognized input header"},
		"its end is unsaid": {nil, enginetest.Prints("\x01\x00"), running, 0, "the command's output broke off, and it still runs"},
		"its end is lost":   {nil, enginetest.Prints(""), enginetest.Says(http.StatusNotFound, "No such exec instance: x"), 0, "reading the exit code: Error response from daemon: No such exec instance"},
		"its end is hidden": {nil, enginetest.Prints(""), enginetest.Hang, 0, "no answer from the engine"},
		"noted a bit later": {nil, enginetest.Prints(""), func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) < 4 {
				running(w, r)
				return
			}
			ended(3)(w, r)
		}, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			calls := enginetest.API{createExec: enginetest.Document(map[string]string{"Id": "x"}), startExec: tt.start, inspectExec: tt.inspect}
			if tt.create != nil {
				calls[createExec] = tt.create
			}
			_, code, err := oddEngine(t, calls.ServeHTTP, 200*time.Millisecond).RunCommand(t.Context(), "web-id", []string{"x"})
			if code != tt.code || tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %d, %v, want %d, %q", code, err, tt.code, tt.want)
			}
		})
	}
}

// What a command prints is bounded where it is kept.
func TestOutputIsBounded(t *testing.T) {
	flood := strings.Repeat(enginetest.Frame(stdcopy.Stdout, strings.Repeat("x", 64<<10)), 32)
	output, _, err := execs(t, enginetest.Prints(flood), ended(0)).RunCommand(t.Context(), "web-id", []string{"x"})
	if len(output) != maxOutput || err != nil {
		t.Errorf("%d bytes, %v", len(output), err)
	}
}

// An exec ends with its context, also while the command says nothing.
func TestExecEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := execs(t, enginetest.Upgrade(func(_ net.Conn, in io.Reader) {
		cancel()
		_, _ = io.Copy(io.Discard, in)
	}), nil)
	if _, _, err := e.RunCommand(ctx, "web-id", []string{"x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Input goes in with its end, and the terminal's size as it changes; a size that is refused is no failure.
func TestExecOfATerminal(t *testing.T) {
	started, resized := make(chan struct{}), make(chan string, 2)
	calls := enginetest.API{
		createExec: enginetest.Document(map[string]string{"Id": "x"}), inspectExec: ended(0),
		"POST /exec/x/resize": func(w http.ResponseWriter, r *http.Request) {
			resized <- r.URL.Query().Get("w") + "x" + r.URL.Query().Get("h")
			enginetest.Says(http.StatusConflict, "it has ended")(w, r)
		},
		startExec: enginetest.Upgrade(func(conn net.Conn, in io.Reader) {
			close(started)
			all, _ := io.ReadAll(in)
			_, _ = conn.Write(bytes.ToUpper(all)) // no frames on a terminal
		}),
	}
	var out bytes.Buffer
	input, typed := io.Pipe()
	go func() {
		size := <-resized
		_, _ = io.WriteString(typed, "at "+size)
		_ = typed.Close()
	}()
	code, err := oddEngine(t, calls.ServeHTTP).Exec(t.Context(), "web-id", Exec{Command: []string{"x"}, TTY: true, In: input, Out: &out, WatchSize: func(_ context.Context, report func(width, height int)) {
		<-started
		report(80, 24)
	}})
	if out.String() != "AT 80X24" || code != 0 || err != nil {
		t.Errorf("%q, %d, %v", out.String(), code, err)
	}
}

func TestDetachedExecsThatFail(t *testing.T) {
	for want, calls := range map[string]enginetest.API{
		"creating exec in container \"web-id\": Error response from daemon: is not running": {createExec: enginetest.Says(http.StatusConflict, "is not running")},
		"starting exec in container \"web-id\": Error response from daemon: no such file":   {createExec: enginetest.Document(map[string]string{"Id": "x"}), startExec: enginetest.Says(http.StatusBadRequest, "no such file")},
	} {
		if err := oddEngine(t, calls.ServeHTTP).ExecDetached(t.Context(), "web-id", Exec{Command: []string{"x"}}); err == nil || err.Error() != want {
			t.Errorf("%v", err)
		}
	}
}
