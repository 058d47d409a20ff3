//go:build unix

package tui

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/demo"
	"stackctl.dev/stackctl/internal/orchestrate/logs"
	"stackctl.dev/stackctl/internal/orchestrate/watch"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

// screen is a terminal in memory around a pseudo-terminal.
type screen struct {
	t     *testing.T
	near  *os.File // the terminal's side
	far   *os.File // the program's
	mu    sync.Mutex
	vt    *vt.Emulator
	bytes []byte
	done  chan struct{}
}

func newScreen(t *testing.T, width, height int) *screen {
	t.Helper()
	near, far, err := pty.Open()
	if err != nil {
		t.Skipf("needs a pseudo-terminal: %v", err)
	}
	if err := pty.Setsize(near, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, near: near, far: far, vt: vt.NewEmulator(width, height), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		buf := make([]byte, 32<<10)
		for {
			n, err := near.Read(buf)
			s.mu.Lock()
			s.bytes = append(s.bytes, buf[:n]...)
			_, _ = s.vt.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	// Answers to questions, which nobody waits for. It ends with the process: the emulator's Close is in a race with its Read.
	go func() { _, _ = io.Copy(io.Discard, s.vt) }()
	t.Cleanup(func() {
		_ = far.Close()
		_ = near.Close()
		<-s.done
	})
	return s
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vt.String()
}

func (s *screen) await(texts ...string) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		text, missing := s.text(), ""
		for _, want := range texts {
			if !strings.Contains(text, want) {
				missing = want
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the screen never showed %q:\n%s", missing, text)
		}
		<-ticker.C
	}
}

func (s *screen) types(keys string) {
	s.t.Helper()
	if _, err := s.near.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// left reports whether the program has gone from the alternate screen.
func (s *screen) left() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(s.bytes)
	return strings.LastIndex(text, "\x1b[?1049l") > strings.LastIndex(text, "\x1b[?1049h")
}

// run runs the dashboard on the screen until it ends.
func (s *screen) run(ctx context.Context, src Sources, o Options) <-chan error {
	o.Themes = tuitest.Themes()
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Terminal{In: s.far, Out: s.far}, src, o) }()
	return ended
}

func await(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the dashboard does not end")
		return nil
	}
}

// TestAPanicOfAProducerRestoresTheTerminal checks that what broke is told, on a terminal that is as it was.
func TestAPanicOfAProducerRestoresTheTerminal(t *testing.T) {
	s := newScreen(t, 100, 30)
	before, err := term.GetState(s.far.Fd())
	if err != nil {
		t.Fatal(err)
	}
	ended := s.run(t.Context(), Sources{
		Project: "demo", Redis: noRedis,
		Watch: func(_ context.Context, sink watch.Sink) error {
			sink.State(sampleState())
			panic("the watcher broke")
		},
		Logs: func(ctx context.Context, _ func(logs.Line) error) error { <-ctx.Done(); return ctx.Err() },
	}, Options{})
	if err := await(t, ended); err == nil || !strings.Contains(err.Error(), "the watcher broke") || !strings.Contains(err.Error(), "run_test.go") {
		t.Errorf("%v", err)
	}
	after, err := term.GetState(s.far.Fd())
	if err != nil || *before != *after {
		t.Errorf("the terminal's modes are %+v, were %+v: %v", after, before, err)
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(10 * time.Second); !s.left(); <-ticker.C { // the terminal reads on its own
		if time.Now().After(deadline) {
			t.Fatal("the alternate screen stays")
		}
	}
}

// TestTheDashboardOnTheDemonstration goes through the whole program, with a stack in this process: it is the same for the dashboard.
func TestTheDashboardOnTheDemonstration(t *testing.T) {
	// bubbletea's ticks end when their time has come; the terminal's goroutines end with the test.
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("charm.land/bubbletea/v2.Tick.func1"), goleak.IgnoreAnyFunction("stackctl.dev/stackctl/internal/tui.newScreen.func1"), goleak.IgnoreAnyFunction("stackctl.dev/stackctl/internal/tui.newScreen.func2"))
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // for the lock
	stack, err := demo.Start(t.Context(), demo.Options{Replicas: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer stack.Close()
	s := newScreen(t, 160, 45)
	src := Sources{Project: demo.Project, Watch: stack.Watch, Logs: stack.Logs, Redis: stack.Dial, Details: stack.Details}
	ended := s.run(t.Context(), src, Options{Focus: "services"})
	s.await("● up", "nginx-1", "web-2", "4/4 containers")

	for range 3 {
		response, err := http.Get(stack.URL() + "count")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	s.await(" 3 ─╮", "GET /count 200")

	stack.Disconnect(errors.New("the engine went away"))
	s.await("✖ unreachable", "the engine went away", "last seen")
	stack.Reconnect()
	s.await("4/4 containers")

	s.types("q")
	if err := await(t, ended); err != nil {
		t.Error(err)
	}
}
