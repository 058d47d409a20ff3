package rediscli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/creack/pty"

	"stackctl.dev/stackctl/internal/store"
	"stackctl.dev/stackctl/internal/store/console"
	"stackctl.dev/stackctl/internal/terminal"
)

// lab is a CLI on a Redis in memory.
func lab(t *testing.T, in io.Reader, o Options) (c *CLI, out, told *bytes.Buffer) {
	t.Helper()
	server := miniredis.RunT(t)
	session := console.New(func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.Addr())
	}, 0)
	t.Cleanup(func() { _ = session.Close() })
	out, told = &bytes.Buffer{}, &bytes.Buffer{}
	tell := func(text string) { fmt.Fprintln(told, text) }
	return &CLI{Streams: &terminal.Streams{In: in, Out: out, Err: told}, Options: o, Session: session, Tell: tell}, out, told
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
		cli, out, told := lab(t, strings.NewReader(in), Options{Fail: c.fail})
		err := cli.Lines(t.Context())
		if errors.Is(err, terminal.ErrReported) != c.fail || !c.fail && err != nil {
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
	cli, _, _ := lab(t, r, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := cli.Lines(ctx); !errors.Is(err, context.DeadlineExceeded) {
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
	screen, tty, err := pty.Open()
	if err != nil {
		t.Skip(err)
	}
	defer screen.Close()
	cli := &CLI{Streams: &terminal.Streams{Out: tty}}
	hostile := store.Reply{Kind: store.Array, Elems: []store.Reply{
		{Kind: store.Status, Text: "\x1b]52;c;eA==\a"}, {Kind: store.String, Text: "\x1b[2J\u009b31m"}, {Kind: store.Error, Text: "ERR \x1b[31m"},
	}}
	for _, format := range []Format{{}, {JSON: true}, {Raw: true}, {NoRaw: true}} {
		cli.Format = format
		if err := cli.Print([]string{"GET"}, hostile); err != nil {
			t.Fatal(err)
		}
	}
	_ = tty.Close()
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
		keyboard, tty, err := pty.Open()
		if err != nil {
			t.Skip(err)
		}
		cli, out, told := lab(t, tty, Options{Yes: c.yes, Repeat: 1})
		if _, err := cli.Session.Do(t.Context(), []string{"SET", "a", "1"}); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(keyboard, c.answer)
		if err := cli.Run(t.Context(), c.args); err != nil {
			t.Fatal(err)
		}
		out.Reset()
		if err := cli.Run(t.Context(), []string{"DBSIZE"}); err != nil || out.String() != c.left+"\n" {
			t.Errorf("%q: got %q, %v, want %s keys left", c.args, out, err, c.left)
		}
		if asked := strings.Contains(told.String(), "1 keys in database 0") && strings.Contains(told.String(), "[y/N]"); asked != c.asked {
			t.Errorf("%q: got %q, want asked %v", c.args, told, c.asked)
		}
		_, _ = keyboard.Close(), tty.Close()
	}
}
