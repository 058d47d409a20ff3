package visitstest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Redis is a redis-server on this machine that can be killed and restarted with its data.
type Redis struct {
	t       testing.TB
	program string
	env     []string
	args    []string
	addr    string
	mu      sync.Mutex
	cmd     *exec.Cmd
}

// StartRedis starts a redis-server with an empty directory, on a free port of 127.0.0.1, until the test ends. The args are added to its
// command line. Without a redis-server the test is skipped.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	r := &Redis{t: t}
	if err := r.find(); err != nil {
		t.Skipf("needs redis-server, which scripts/host-programs gets: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // listening on this machine does not wait
	if err != nil {
		t.Fatal(err)
	}
	r.addr = listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(r.addr)
	r.args = append([]string{"--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--save", ""}, args...)
	t.Cleanup(r.Kill)
	r.Restart()
	return r
}

// Addr returns the server's host:port, which never changes.
func (r *Redis) Addr() string { return r.addr }

// Kill sends the server SIGKILL, which has the effect of a crash.
func (r *Redis) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kill()
}

// Restart kills the server, if it runs, starts it, and waits until it has loaded its data.
func (r *Redis) Restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kill()
	r.cmd = exec.Command(r.program, r.args...) //nolint:noctx // it lives until Kill
	r.cmd.Env = r.env
	if err := r.cmd.Start(); err != nil {
		r.cmd = nil
		r.t.Errorf("starting %q: %v", r.program, err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for !r.answers(ctx) {
		if ctx.Err() != nil {
			r.t.Errorf("waiting for redis-server at %q: no answer in time", r.addr)
			return
		}
		wait(ctx, 5*time.Millisecond)
	}
}

func (r *Redis) kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	r.cmd = nil
}

// answers reports whether PING gets a PONG; while Redis loads its data it gets an error.
func (r *Redis) answers(ctx context.Context) bool {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", r.addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	var reply [7]byte
	n, _ := conn.Read(reply[:])
	return string(reply[:n]) == "+PONG\r\n"
}

// find searches PATH and the folder into which scripts/host-programs unpacks Debian's packages.
func (r *Redis) find() (err error) {
	r.env = os.Environ()
	if r.program, err = exec.LookPath("redis-server"); err == nil {
		return nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("finding redis-server: %w", err)
	}
	root := filepath.Join(cache, "stackctl", "host", "usr")
	r.program = filepath.Join(root, "bin", "redis-server")
	libs, _ := filepath.Glob(filepath.Join(root, "lib", "*-linux-gnu*"))
	for _, dir := range libs {
		r.env = append(r.env, "LD_LIBRARY_PATH="+dir)
	}
	if _, err = os.Stat(r.program); err != nil {
		return fmt.Errorf("finding redis-server: %w", err)
	}
	return nil
}
