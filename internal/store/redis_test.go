package store_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/store"
)

// realRedis is a redis-server of this machine, started for one test.
type realRedis struct {
	socket string
	cli    string
	env    []string
}

// startRedis starts a redis-server on a unix socket, or skips the test where there is none. Beside PATH it looks where
// scripts/host-programs unpacks Debian's packages.
func startRedis(t *testing.T, args ...string) *realRedis {
	t.Helper()
	server, cli, env, err := findRedis()
	if err != nil {
		t.Skipf("needs redis-server and redis-cli, which scripts/host-programs gets: %v", err)
	}
	// Not t.TempDir: a socket's path has at most 107 bytes.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &realRedis{socket: filepath.Join(dir, "s"), cli: cli, env: env}
	args = append([]string{"--port", "0", "--unixsocket", r.socket, "--dir", dir, "--save", "", "--enable-debug-command", "yes"}, args...)
	cmd := exec.Command(server, args...)
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting redis-server: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	r.waitReady(t)
	return r
}

func findRedis() (server, cli string, env []string, err error) {
	server, err = exec.LookPath("redis-server")
	cli, errCLI := exec.LookPath("redis-cli")
	if err == nil && errCLI == nil {
		return server, cli, os.Environ(), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", nil, err
	}
	root := filepath.Join(cache, "stackctl", "host", "usr")
	server, cli = filepath.Join(root, "bin", "redis-server"), filepath.Join(root, "bin", "redis-cli")
	_, err = os.Stat(server)
	_, errCLI = os.Stat(cli)
	libs, _ := filepath.Glob(filepath.Join(root, "lib", "*-linux-gnu*"))
	for _, l := range libs {
		env = append(os.Environ(), "LD_LIBRARY_PATH="+l)
	}
	return server, cli, env, errors.Join(err, errCLI)
}

func (r *realRedis) waitReady(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := store.Connect(ctx, r.dial)
		if err == nil {
			reply, doErr := c.Do(ctx, "PING")
			_ = c.Close()
			if doErr == nil && reply.Text == "PONG" {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waiting for redis-server: %v", err)
		case <-tick.C:
		}
	}
}

func (r *realRedis) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", r.socket)
}

func (r *realRedis) command(args ...string) *exec.Cmd {
	cmd := exec.Command(r.cli, append([]string{"-s", r.socket}, args...)...)
	cmd.Env = r.env
	return cmd
}

// connect opens a console connection that ends with the test.
func connect(t *testing.T, dial store.Dialer, opts ...store.Option) *store.Conn {
	t.Helper()
	c, err := store.Connect(t.Context(), dial, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// open opens a client that ends with the test.
func open(t *testing.T, dial store.Dialer, opts ...store.Option) *store.Client {
	t.Helper()
	c := store.Open(dial, opts...)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// tcp dials an address, such as that of a miniredis.
func tcp(addr string) store.Dialer {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
}
