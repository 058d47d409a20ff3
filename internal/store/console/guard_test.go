package console

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

// TestWhatARealServerCallsDangerous asks the commands of a real server, where each has its flags.
func TestWhatARealServerCallsDangerous(t *testing.T) {
	s := realSession(t)
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]bool{
		"DEL a": true, "unlink a b": true, "GETDEL a": true, "FLUSHDB": true, "flushall async": true, "SHUTDOWN NOSAVE": true, "SWAPDB 0 1": true,
		"CONFIG SET maxmemory 1": true, "CONFIG REWRITE": true, "DEBUG SLEEP 1": true, "CLIENT KILL ID 3": true, "REPLICAOF h 1": true,
		"ACL DELUSER a": true, "FUNCTION FLUSH": true, "script flush": true, "SORT l STORE d": true, "RESTORE a 0 x": true, "SAVE": true,
		"GET a": false, "SET a b": false, "INCR visits": false, "EXPIRE a 1": false, "KEYS *": false, "INFO": false, "MONITOR": false,
		"CONFIG GET *": false, "CLIENT LIST": false, "SORT l": false, "SORT_RO l": false, "ROLE": false, "LASTSAVE": false, "BGSAVE": false,
		"ACL GETUSER a": false, "SLOWLOG GET": false, "LATENCY DOCTOR": false, "HDEL h f": false, "MULTI": false, "NOSUCH": false,
	} {
		if got := s.Danger(strings.Fields(line)); got != want {
			t.Errorf("%q: got danger %v, want %v", line, got, want)
		}
	}
}

// TestDescribe compares what is said, but for numbers of bytes.
func TestDescribe(t *testing.T) {
	s := realSession(t)
	for _, line := range []string{"SET visits 7", "RPUSH l a", "SET brief v EX 100", "SELECT 3", "SET other v", "SELECT 0"} {
		do(t, s, line)
	}
	cases := []struct {
		line string
		want []string
	}{
		{"DEL visits l none brief", []string{
			"visits: string, N bytes in memory, value 7", "l: list, N bytes in memory", "none: no such key",
			"brief: string, N bytes in memory, expires in 1m40s, value v", "it can be undone afterwards",
		}},
		{"FLUSHDB", []string{"3 keys in database 0, 7 visits, N bytes in memory", "it cannot be undone"}},
		{"FLUSHALL", []string{"3 keys in database 0, 7 visits, N bytes in memory", "1 keys in database 3", "it cannot be undone"}},
		{"CONFIG SET maxmemory-policy allkeys-lru timeout 5", []string{
			"maxmemory-policy: noeviction -> allkeys-lru", "timeout: 0 -> 5", "until Redis restarts",
		}},
		{"CONFIG SET requirepass hunter2", []string{"requirepass: a new secret", "until Redis restarts"}},
		{"SHUTDOWN", []string{"Redis stops: visits cannot be counted until its container is started again"}},
		{"", nil},
	}
	for _, c := range cases {
		got := s.Describe(t.Context(), strings.Fields(c.line))
		for i, line := range got {
			got[i] = withoutBytes(line)
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%q:\n got %q\nwant %q", c.line, got, c.want)
		}
	}
}

func withoutBytes(line string) string {
	words := strings.Split(line, " ")
	for i := 1; i < len(words); i++ {
		if words[i] == "bytes" {
			words[i-1] = "N"
		}
	}
	return strings.Join(words, " ")
}

func TestDescribeManyKeys(t *testing.T) {
	s := realSession(t)
	args := []string{"DEL"}
	for range maxUndoKeys + 1 {
		args = append(args, "k")
	}
	got := s.Describe(t.Context(), args)
	if len(got) != maxDescribed+2 || got[maxDescribed] != "and 991 more keys" || !strings.HasPrefix(got[maxDescribed+1], "it cannot be undone: ") {
		t.Errorf("got %q", got)
	}
}

// TestDescribeOfAServerThatIsAway says what is not known.
func TestDescribeOfAServerThatIsAway(t *testing.T) {
	s := New(func(context.Context) (net.Conn, error) { return nil, errors.New("no way there") }, 0)
	defer s.Close()
	for _, line := range []string{"DEL a", "FLUSHALL", "CONFIG SET a b"} {
		got := s.Describe(t.Context(), strings.Fields(line))
		if len(got) == 0 || !strings.Contains(got[len(got)-1], "it is unknown what would change: ") {
			t.Errorf("%q: got %q", line, got)
		}
	}
}
