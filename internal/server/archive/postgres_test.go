//go:build unix

package archive

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is a PostgreSQL of this machine, which can be killed and restarted with its data.
type server struct {
	t     testing.TB
	bin   string
	dir   string
	port  int
	owner *syscall.Credential // it refuses to run as root
	cmd   *exec.Cmd
}

// nobody is a user that every system has.
const nobody = 65534

// startPostgres starts one with an empty database, until the test ends. Without PostgreSQL the test is skipped.
func startPostgres(t testing.TB) *server {
	t.Helper()
	s := &server{t: t}
	var dirs []string
	if name, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(name))
	}
	packaged, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, dir := range append(dirs, packaged...) {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			s.bin = dir
		}
	}
	if s.bin == "" {
		t.Skip("needs PostgreSQL (Debian: apt-get install postgresql)")
	}
	dir, err := os.MkdirTemp("", "pg") // short, for the path of the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s.dir = dir
	if os.Getuid() == 0 {
		s.owner = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	if out, err := s.command("initdb", "--pgdata", filepath.Join(dir, "data"), "--username", "stackctl", "--auth", "trust", "--locale", "C", "--encoding", "UTF8", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	t.Cleanup(s.kill)
	s.restart()
	s.exec("postgres", "create database stackctl")
	return s
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.Env = s.dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	return cmd
}

// kill is a crash of the whole container: the sessions are processes, too, in groups of their own.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	pid := s.cmd.Process.Pid
	_ = syscall.Kill(pid, syscall.SIGSTOP) // so that it starts no others meanwhile
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range append(strings.Fields(string(children)), strconv.Itoa(pid)) {
		if n, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(n, syscall.SIGKILL)
		}
	}
	_ = s.cmd.Wait()
	for _, child := range strings.Fields(string(children)) {
		for range 1000 { // what is left of it would keep the next one from starting
			if _, err := os.Stat("/proc/" + child); err != nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	s.cmd = nil
	_ = os.Remove(filepath.Join(s.dir, "data", "postmaster.pid"))
}

func (s *server) restart() {
	s.t.Helper()
	s.kill()
	s.cmd = s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1",
		"-c", "shared_buffers=16MB", "-c", "max_connections=20", "-c", "dynamic_shared_memory_type=mmap", "-c", "log_min_messages=panic")
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("PostgreSQL does not answer: %v", err)
		case <-ticker.C:
		}
	}
}

func (s *server) url(database string) string {
	return "host=127.0.0.1 port=" + strconv.Itoa(s.port) + " user=stackctl dbname=" + database + " sslmode=disable passfile=/dev/null"
}

func (s *server) exec(database, sql string) {
	s.t.Helper()
	conn, err := pgx.Connect(context.Background(), s.url(database))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		s.t.Fatal(err)
	}
}

// number runs a query with one number as its result.
func (s *server) number(sql string) (n int64) {
	s.t.Helper()
	conn, err := pgx.Connect(context.Background(), s.url("stackctl"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// lines runs a query with one text a row.
func (s *server) lines(sql string) string {
	s.t.Helper()
	conn, err := pgx.Connect(context.Background(), s.url("stackctl"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(context.Background(), sql)
	if err != nil {
		s.t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(found, "\n")
}
