package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/creack/pty"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
)

// redisLab is the command's inside on a Redis in memory.
func redisLab(t *testing.T, in io.Reader) (a *app, session *console.Session, out, told *bytes.Buffer) {
	t.Helper()
	server := miniredis.RunT(t)
	session = console.New(func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Addr())
	}, 0)
	t.Cleanup(func() { _ = session.Close() })
	out, told = &bytes.Buffer{}, &bytes.Buffer{}
	return &app{streams: &streams{In: in, Out: out, Err: told}}, session, out, told
}

func TestRedisLines(t *testing.T) {
	in := "SET a 1\nMULTI\nINCR a\nEXEC\nNOSUCH\nGET 'a\n2 ECHO x\n0 ECHO y\nQUIT\nECHO late\n"
	for _, c := range []struct {
		fail bool
		out  string
		told []string
	}{
		{false, "OK\nOK\nQUEUED\n2\nERR unknown command `NOSUCH`, with args beginning with: \n\nx\nx\n", []string{"reading line 6: unbalanced", "reading line 8: checking"}},
		{true, "OK\nOK\nQUEUED\n2\nx\nx\n", []string{"NOSUCH: ERR unknown command", "reading line 6: unbalanced"}},
	} {
		a, session, out, told := redisLab(t, strings.NewReader(in))
		err := a.redisLines(t.Context(), session, &redisOptions{fail: c.fail})
		if errors.Is(err, errSilent) != c.fail || !c.fail && err != nil {
			t.Errorf("fail %v: got %v", c.fail, err)
		}
		if out.String() != c.out {
			t.Errorf("fail %v: got %q, want %q", c.fail, out, c.out)
		}
		for _, want := range c.told {
			if !strings.Contains(told.String(), want) {
				t.Errorf("fail %v: got %q, want %q in it", c.fail, told, want)
			}
		}
	}
}

// TestRedisLinesEndWithTheirContext is Ctrl-C while nothing comes from the pipe.
func TestRedisLinesEndWithTheirContext(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	a, session, _, _ := redisLab(t, r)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.redisLines(ctx, session, &redisOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestSplitCommand(t *testing.T) {
	for _, c := range []struct {
		line  string
		times int
		args  []string
		bad   bool
	}{
		{"GET a", 1, []string{"GET", "a"}, false},
		{"3 GET a", 3, []string{"GET", "a"}, false},
		{"3", 1, []string{"3"}, false},
		{"-1 GET a", 0, nil, true},
		{"", 1, nil, false},
		{`"open`, 1, nil, true},
	} {
		times, args, err := splitCommand(c.line)
		if times != c.times || !slices.Equal(args, c.args) || (err != nil) != c.bad {
			t.Errorf("%q: got %d, %q, %v", c.line, times, args, err)
		}
	}
}

// TestRepliesOnATerminalAreSafe holds that no control sequence of Redis reaches a terminal, whatever the format.
func TestRepliesOnATerminalAreSafe(t *testing.T) {
	screen, terminal, err := pty.Open()
	if err != nil {
		t.Skip(err)
	}
	defer screen.Close()
	a := &app{streams: &streams{Out: terminal}}
	hostile := store.Reply{Kind: store.Array, Elems: []store.Reply{
		{Kind: store.Status, Text: "\x1b]52;c;eA==\a"}, {Kind: store.String, Text: "\x1b[2J\u009b31m"}, {Kind: store.Error, Text: "ERR \x1b[31m"},
	}}
	for _, format := range []replyFormat{{}, {json: true}, {raw: true}, {noRaw: true}} {
		if err := a.printReply([]string{"GET"}, hostile, &redisOptions{format: format}); err != nil {
			t.Fatal(err)
		}
	}
	_ = terminal.Close()
	var shown bytes.Buffer
	_, _ = io.Copy(&shown, io.LimitReader(screen, 64<<10)) // ends with an error: the other side is gone
	if shown.Len() == 0 || strings.ContainsAny(shown.String(), "\x1b\a\u009b") {
		t.Errorf("got %q", shown.String())
	}
}

// TestRedisAsks holds that on a terminal FLUSHALL shows what would go, and does nothing without a yes.
func TestRedisAsks(t *testing.T) {
	for _, c := range []struct {
		answer string
		args   []string
		yes    bool
		left   string
		asked  bool
	}{
		{"n\n", []string{"FLUSHALL"}, false, "1", true},
		{"y\n", []string{"flushall"}, false, "0", true},
		{"", []string{"FLUSHALL"}, true, "0", false},
		{"", []string{"DEL", "a"}, false, "0", false},
	} {
		keyboard, terminal, err := pty.Open()
		if err != nil {
			t.Skip(err)
		}
		a, session, out, told := redisLab(t, terminal)
		if _, err := session.Do(t.Context(), []string{"SET", "a", "1"}); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(keyboard, c.answer)
		o := &redisOptions{yes: c.yes, repeat: 1}
		if err := a.repeat(t.Context(), session, o, c.args); err != nil {
			t.Fatal(err)
		}
		out.Reset()
		if err := a.runRedis(t.Context(), session, o, []string{"DBSIZE"}); err != nil || out.String() != c.left+"\n" {
			t.Errorf("%q: got %q, %v, want %s keys left", c.args, out, err, c.left)
		}
		if asked := strings.Contains(told.String(), "1 keys in database 0") && strings.Contains(told.String(), "[y/N]"); asked != c.asked {
			t.Errorf("%q: got %q, want asked %v", c.args, told, c.asked)
		}
		_, _ = keyboard.Close(), terminal.Close()
	}
}

func TestPasswordIsNoArgument(t *testing.T) {
	t.Setenv("REDISCLI_AUTH", "")
	_ = os.Unsetenv("REDISCLI_AUTH")
	if err := (&redisOptions{repeat: 1, user: "u"}).check([]string{"PING"}); !errors.As(err, new(usageError)) {
		t.Errorf("got %v", err)
	}
}
