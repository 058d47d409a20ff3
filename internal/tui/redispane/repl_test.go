//go:build unix

package redispane

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/tui/tuitest"
)

// realSession is a session with a redis-server of this machine, started for one test; without one the test is skipped. Beside PATH it is
// looked for where scripts/host-programs unpacks Debian's packages.
func realSession(t *testing.T) *console.Session {
	t.Helper()
	server, env := "redis-server", os.Environ()
	if _, err := exec.LookPath(server); err != nil {
		cache, _ := os.UserCacheDir()
		root := filepath.Join(cache, "stackctl", "host", "usr")
		server = filepath.Join(root, "bin", "redis-server")
		if _, err := os.Stat(server); err != nil {
			t.Skipf("needs redis-server, which scripts/host-programs gets: %v", err)
		}
		libs, _ := filepath.Glob(filepath.Join(root, "lib", "*-linux-gnu*"))
		for _, l := range libs {
			env = append(env, "LD_LIBRARY_PATH="+l)
		}
	}
	dir, err := os.MkdirTemp("", "redis") // not t.TempDir: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(server, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "")
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s := console.New(func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", socket) }, 0)
	t.Cleanup(func() { _ = s.Close() })
	await(t, func() string {
		_, err := s.Do(t.Context(), []string{"PING"})
		if err != nil {
			return err.Error()
		}
		return ""
	})
	return s
}

// await asks until nothing is missing any more.
func await(t *testing.T, missing func() string) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(20 * time.Second)
	for {
		text := missing()
		if text == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(text)
		}
		<-ticker.C
	}
}

// typist is a person at a terminal in which the console runs.
type typist struct {
	t      *testing.T
	keys   *os.File
	screen *vt.SafeEmulator
	tty    *os.File
	before *term.State
	ended  chan error
}

func runREPL(t *testing.T, session Session) *typist {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	history, err := console.OpenHistory("")
	if err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(tty.Fd())
	if err != nil {
		t.Fatal(err)
	}
	p := &typist{t, keys, vt.NewSafeEmulator(80, 24), tty, before, make(chan error, 1)}
	drawn := make(chan struct{})
	go func() { _, _ = io.Copy(p.screen, keys); close(drawn) }()
	answered := make(chan struct{})
	go func() { _, _ = io.Copy(keys, p.screen); close(answered) }() // what the terminal answers to questions
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() {
		p.ended <- RunREPL(ctx, tty, tty, tuitest.Themes(), Options{Session: session, History: history})
		close(ran)
	}()
	t.Cleanup(func() {
		cancel()
		<-ran
		_ = tty.Close()
		_ = keys.Close()
		<-drawn
		_ = p.screen.InputPipe().(io.Closer).Close() // not Close, which the reader of the answers would race with
		<-answered
	})
	p.sees("redis>")
	return p
}

func (p *typist) types(text string) {
	p.t.Helper()
	if _, err := p.keys.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

func (p *typist) sees(texts ...string) {
	p.t.Helper()
	await(p.t, func() string {
		screen := ansi.Strip(p.screen.Render())
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return "no " + text + " in\n" + screen
			}
		}
		return ""
	})
}

// TestREPL types at a real Redis: replies, completion, a question and its undo, a transaction, a command that is cancelled.
func TestREPL(t *testing.T) {
	session := realSession(t)
	p := runREPL(t, session)
	for _, step := range []struct{ types, sees string }{
		{"SET visits 41\r", "redis> SET visits 41\nOK"},
		{"SET 'vis it' \"a\\x1b[2Jb\"\r", "\"a\\x1b[2Jb\"\nOK"},
		{"GET v\t", "no expiry"},
		{"\r\r", "GET \"vis it\"\n\"a\\x1b[2Jb\""},
		{"DEL visits\r", "y send"},
		{"y", "(integer) 1\nundo restores it"},
		{"undo\r", "redis> undo\nvisits"},
		{"GET visits\r", "redis> GET visits\n\"41\""},
		{"MULTI\r", "redis(TX)>"},
		{"INCR visits\r", "QUEUED"},
		{"EXEC\r", "1) (integer) 42"},
		{"BLPOP none 0\r", "… BLPOP for 1s; esc cancels"},
		{"\x03", "cancelled: BLPOP"},
		{"FLUSHALL\r", "! FLUSHALL ?"},
		{"\r", "not sent"},
		{"PING half", "PING half"},
		{"\x03", "PING half^C"},
		{"DBSIZE\r", "(integer) 2"},
		{"ECHO \"\\x1b]0;title\\x07\"\r", `"\x1b]0;title\a"`},
	} {
		p.types(step.types)
		for text := range strings.SplitSeq(step.sees, "\n") {
			p.sees(text)
		}
	}
	p.types("quit\r")
	select {
	case err := <-p.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("quit does not end it")
	}
}

// TestREPLLeavesTheTerminalAsItWas ends it in each way.
func TestREPLLeavesTheTerminalAsItWas(t *testing.T) {
	for name, keys := range map[string]string{"ctrl+d": "\x04", "exit": "exit\r", "quit, typed ahead": "GET a\rquit\r"} {
		f := &fake{}
		p := runREPL(t, f)
		p.types(keys)
		select {
		case err := <-p.ended:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s does not end it", name)
		}
		after, err := term.GetState(p.tty.Fd())
		if err != nil || !reflect.DeepEqual(p.before, after) {
			t.Errorf("%s: the terminal was %v and is %v, %v", name, p.before, after, err)
		}
		await(t, func() string { // the terminal is a moment behind
			if p.screen.CursorHidden() || p.screen.IsAltScreen() {
				return name + ": the cursor is hidden, or the screen another"
			}
			return ""
		})
	}
}
