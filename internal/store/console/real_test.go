package console

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/store"
)

// realSession is a session with a redis-server of this machine, started for one test; without one the test is skipped. Beside PATH it is
// looked for where scripts/host-programs unpacks Debian's packages.
func realSession(t *testing.T) *Session {
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
	s := New(func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", socket) }, 0)
	t.Cleanup(func() { _ = s.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err = s.Do(ctx, []string{"PING"}); err == nil {
			return s
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waiting for redis-server: %v", err)
		case <-tick.C:
		}
	}
}

func undone(t *testing.T, s *Session, want string) {
	t.Helper()
	if got, err := s.Undo(t.Context()); err != nil || got != want {
		t.Errorf("undo: got %q, %v, want %q", got, err, want)
	}
}

// TestUndoOfEveryType removes a key of each type, on a real server, and finds them as they were.
func TestUndoOfEveryType(t *testing.T) {
	s := realSession(t)
	for _, line := range []string{
		"SET s value", "RPUSH l a b", "HSET h f v", "SADD set m", "ZADD z 1.5 m", "XADD x 1-1 f v", "SET fleeting v PX 100000", "SET other v",
	} {
		do(t, s, line)
	}
	before := do(t, s, "DUMP x")
	if r := do(t, s, "DEL s l h set z x fleeting none s"); r.Int != 7 {
		t.Fatalf("got %+v, want 7 removed", r)
	}
	do(t, s, "SET h taken")
	undone(t, s, "restored s l set z x fleeting; not changed, because they exist again: h")
	if after := do(t, s, "DUMP x"); after.Text != before.Text {
		t.Errorf("got %q, want %q", after.Text, before.Text)
	}
	if ttl := do(t, s, "PTTL fleeting"); ttl.Int <= 0 || ttl.Int > 100000 {
		t.Errorf("got ttl %d ms, want what was left of 100 s", ttl.Int)
	}
	if ttl := do(t, s, "PTTL s"); ttl.Int != -1 {
		t.Errorf("got ttl %d, want none", ttl.Int)
	}
}

func TestWhatExpiredMeanwhileIsNotGivenBack(t *testing.T) {
	s := realSession(t)
	do(t, s, "SET k v PX 30")
	do(t, s, "UNLINK k")
	<-time.After(40 * time.Millisecond)
	undone(t, s, "restored nothing; already expired: k")
}

func TestGetdelRepliesAndIsUndone(t *testing.T) {
	s := realSession(t)
	do(t, s, "SET k v")
	do(t, s, "RPUSH l a")
	if r := do(t, s, "GETDEL k"); r.Text != "v" {
		t.Errorf("got %+v", r)
	}
	if r := do(t, s, "GETDEL l"); r.Kind != store.Error {
		t.Errorf("got %+v, want WRONGTYPE", r)
	}
	undone(t, s, "restored k")
}

// TestARefusedDumpDoesNotHinderTheRemoval is of a user that may remove, and not dump.
func TestARefusedDumpDoesNotHinderTheRemoval(t *testing.T) {
	s := realSession(t)
	do(t, s, "SET k v")
	do(t, s, "ACL SETUSER default -dump")
	if r := do(t, s, "DEL k"); r.Int != 1 || s.InTransaction() {
		t.Errorf("got %+v", r)
	}
	if _, err := s.Undo(t.Context()); !errors.Is(err, ErrNothingToUndo) {
		t.Errorf("got %v, want nothing to undo", err)
	}
}

func TestARemovalKeepsTheWatch(t *testing.T) {
	s := realSession(t)
	do(t, s, "SET a 1")
	do(t, s, "WATCH a")
	if text := strings.Join(s.Describe(t.Context(), []string{"DEL", "a"}), "\n"); !strings.Contains(text, "cannot be undone") {
		t.Errorf("got %q", text)
	}
	do(t, s, "DEL a")
	do(t, s, "MULTI")
	if r := do(t, s, "DEL b"); r.Text != "QUEUED" {
		t.Errorf("got %+v, want it queued", r)
	}
	if r := do(t, s, "EXEC"); r.Kind != store.Nil {
		t.Errorf("got %+v, want nil: the watched key was removed", r)
	}
}

// TestResetKeepsTheLogin: RESET ends a connection's login, and the session has it all the same.
func TestResetKeepsTheLogin(t *testing.T) {
	s := realSession(t)
	do(t, s, "ACL SETUSER operator on >secret ~* &* +@all")
	do(t, s, "SET k v")
	other := New(s.dial, 3, store.WithCredentials("operator", "secret"))
	t.Cleanup(func() { _ = other.Close() })
	do(t, other, "HELLO 3")
	do(t, s, "ACL SETUSER default off")
	if r := do(t, other, "RESET"); r.Text != "RESET" {
		t.Errorf("got %+v", r)
	}
	if r := do(t, other, "ACL WHOAMI"); r.Text != "operator" {
		t.Errorf("after RESET it is %+v", r)
	}
	if r := do(t, other, "GET k"); r.Text != "v" || other.Prompt() != "redis> " {
		t.Errorf("got %+v, prompt %q: want database 0", r, other.Prompt())
	}
}
