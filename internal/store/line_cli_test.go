package store_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/store"
)

// lineReader is a redis-cli that reads lines, and a server that hears what it made of them.
type lineReader struct {
	stdin io.Writer
	heard chan []string
	n     int
}

func startReader(t testing.TB) *lineReader {
	t.Helper()
	_, cli, env, err := findRedis()
	if err != nil {
		t.Skipf("needs redis-cli, which scripts/host-programs gets: %v", err)
	}
	dir, err := os.MkdirTemp("", "cli")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	r := &lineReader{heard: make(chan []string, 16)}
	go r.serve(listener)
	cmd := exec.Command(cli, "-s", listener.Addr().String())
	cmd.Env = env
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	r.stdin = stdin
	return r
}

// serve answers every command of one client with OK, until the client disconnects.
func (r *lineReader) serve(listener net.Listener) {
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		args, err := readArgs(in)
		if err != nil {
			return
		}
		r.heard <- args
		if _, err := io.WriteString(conn, "+OK\r\n"); err != nil {
			return
		}
	}
}

func readArgs(in *bufio.Reader) ([]string, error) {
	count, err := readCount(in)
	if err != nil {
		return nil, err
	}
	args := make([]string, 0, count)
	for range count {
		size, err := readCount(in)
		if err != nil {
			return nil, err
		}
		arg := make([]byte, size+len("\r\n"))
		if _, err := io.ReadFull(in, arg); err != nil {
			return nil, err
		}
		args = append(args, string(arg[:size]))
	}
	return args, nil
}

// readCount reads the number of "*2" or "$5".
func readCount(in *bufio.Reader) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// read is what redis-cli makes of the arguments of an ECHO; ok is false where it refuses the line. A mark behind each line tells a line that is
// refused from one that is late.
func (r *lineReader) read(t *testing.T, line string) (args []string, ok bool) {
	t.Helper()
	r.n++
	mark := fmt.Sprintf("MARK%d", r.n)
	if _, err := io.WriteString(r.stdin, "ECHO "+line+"\n"+mark+"\n"); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	for {
		select {
		case got := <-r.heard:
			if got[0] == mark {
				return args, ok
			}
			args, ok = got, true
		case <-time.After(10 * time.Second):
			t.Fatalf("%q: redis-cli sends nothing", line)
		}
	}
}

func compareLine(t *testing.T, r *lineReader, line string) {
	t.Helper()
	want, ok := r.read(t, line)
	got, err := store.SplitLine("ECHO " + line)
	if (err == nil) != ok || !slices.Equal(got, want) {
		t.Errorf("%q: got %q, %v; redis-cli reads %q, %v", line, got, err, want, ok)
	}
}

// FuzzSplitLineAsRedisCLI looks for a line that redis-cli reads otherwise.
func FuzzSplitLineAsRedisCLI(f *testing.F) {
	for _, line := range []string{"", "visits", `"a b" 'c d'`, `"\x00\xfF\n\"" x`, `a"b c"`, `"open`, `'a'b`, `"\x4"`, `'\'' "\\"`} {
		f.Add(line)
	}
	r := startReader(f)
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\x00") || len(line) > 4096 {
			t.Skip("ends a line")
		}
		compareLine(t, r, line)
	})
}
