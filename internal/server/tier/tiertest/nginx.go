package tiertest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// findNginx takes that of STACKCTL_TEST_NGINX, or looks in PATH, and where scripts/host-programs unpacks Debian's packages.
func findNginx() (program string, env []string, err error) {
	if program = os.Getenv("STACKCTL_TEST_NGINX"); program != "" {
		return program, os.Environ(), nil
	}
	if program, err = exec.LookPath("nginx"); err == nil {
		return program, os.Environ(), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", nil, err
	}
	root := filepath.Join(cache, "stackctl", "host")
	program = filepath.Join(root, "usr", "sbin", "nginx")
	if _, err = os.Stat(program); err != nil {
		return "", nil, err
	}
	lib := filepath.Join(root, "usr", "lib")
	triplets, _ := filepath.Glob(filepath.Join(lib, "*-linux-gnu*"))
	return program, append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(append(triplets, lib), ":")), nil
}

// NginxCommand is nginx with arguments; the test is skipped where there is none. nginx runs as the one who runs the test.
func NginxCommand(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	program, env, err := findNginx()
	if err != nil {
		t.Skipf("needs nginx, which scripts/host-programs gets: %v", err)
	}
	cmd := exec.Command(program, args...) //nolint:gosec,noctx // the test's cleanup ends it
	cmd.Env = env
	return cmd
}

// NginxVersion is the version of the nginx that the tests run, such as 1.22.1.
func NginxVersion(t testing.TB) string {
	t.Helper()
	said, err := NginxCommand(t, "-v").CombinedOutput()
	_, version, ok := strings.Cut(strings.TrimSpace(string(said)), "nginx/")
	if err != nil || !ok {
		t.Fatalf("asking nginx for its version: %v: %s", err, said)
	}
	return version
}

// Nginx is a running nginx.
type Nginx struct {
	*os.Process // the master
	said        bytes.Buffer
}

// Said is what nginx wrote to its standard streams. It is valid once nginx has ended.
func (n *Nginx) Said() string { return n.said.String() }

// StartNginx runs nginx with a config file until the test ends, and waits until it listens on addr. The optional check runs after its end.
func StartNginx(t testing.TB, file, addr string, check ...func(*Nginx)) *Nginx {
	t.Helper()
	options := "daemon off;"
	if os.Getuid() == 0 {
		options += " user root;"
	}
	cmd, n := NginxCommand(t, "-e", "stderr", "-c", file, "-g", options), &Nginx{}
	cmd.Stdout, cmd.Stderr = &n.said, &n.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.Process = cmd.Process
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // the master ends its workers
		_ = cmd.Wait()
		for _, c := range check {
			c(n)
		}
		if t.Failed() {
			t.Logf("nginx said:\n%.3000s", n.Said())
		}
	})
	WaitFor(t, fmt.Sprintf("nginx on %s", addr), func() bool {
		conn, err := net.DialTimeout("tcp", addr, time.Second) //nolint:noctx // it has a timeout
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return n
}
