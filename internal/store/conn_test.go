package store_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"stackctl.dev/stackctl/internal/store"
)

// answer is a peer that sends the given bytes and reads what it gets.
func answer(t *testing.T, bytes string) store.Dialer {
	t.Helper()
	return func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		done := make(chan struct{}, 2)
		go func() { _, _ = io.Copy(io.Discard, theirs); done <- struct{}{} }()
		go func() { _, _ = io.WriteString(theirs, bytes); done <- struct{}{} }()
		t.Cleanup(func() {
			_ = ours.Close()
			_ = theirs.Close()
			<-done
			<-done
		})
		return ours, nil
	}
}

func TestDoReads(t *testing.T) {
	tests := []struct {
		name, wire string
		want       store.Reply
	}{
		{"status", "+OK\r\n", store.Reply{Kind: store.Status, Text: "OK"}},
		{"error", "-ERR no\r\n", store.Reply{Kind: store.Error, Text: "ERR no"}},
		{"blob error", "!7\r\nERR a\rb\r\n", store.Reply{Kind: store.Error, Text: "ERR a\rb"}},
		{"integer", ":-12\r\n", num(-12)},
		{"string", "$4\r\na\r\nb\r\n", str("a\r\nb")},
		{"empty string", "$0\r\n\r\n", str("")},
		{"null string", "$-1\r\n", store.Reply{}},
		{"null array", "*-1\r\n", store.Reply{}},
		{"null", "_\r\n", store.Reply{}},
		{"double", ",-inf\r\n", store.Reply{Kind: store.Double, Text: "-inf"}},
		{"big number", "(123456789012345678901\r\n", store.Reply{Kind: store.BigNumber, Text: "123456789012345678901"}},
		{"true", "#t\r\n", store.Reply{Kind: store.Bool, Int: 1}},
		{"false", "#f\r\n", store.Reply{Kind: store.Bool}},
		{"verbatim", "=6\r\ntxt:hi\r\n", store.Reply{Kind: store.Verbatim, Text: "hi"}},
		{"array", "*2\r\n:1\r\n*1\r\n$1\r\na\r\n", list(store.Array, num(1), list(store.Array, str("a")))},
		{"map", "%1\r\n$1\r\nk\r\n:1\r\n", list(store.Map, str("k"), num(1))},
		{"set", "~1\r\n:1\r\n", list(store.Set, num(1))},
		{"attribute is dropped", "|1\r\n+ttl\r\n:3\r\n:7\r\n", num(7)},
		{"push before the reply is not the reply", ">1\r\n:1\r\n:7\r\n", num(7)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := connect(t, answer(t, tt.wire)).Do(t.Context(), "PING")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b []store.Reply) bool {
				return cmp.Equal(list(store.Array, a...), list(store.Array, b...)) || len(a) == len(b) && len(a) == 0
			})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestDoRejects(t *testing.T) {
	for name, wire := range map[string]string{
		"http":               "HTTP/1.1 400 Bad Request\r\n\r\n",
		"empty line":         "\r\n",
		"no CR":              "+OK\n",
		"endless line":       "+" + strings.Repeat("x", 70_000),
		"integer":            ":1x\r\n",
		"boolean":            "#maybe\r\n",
		"negative length":    "$-2\r\n",
		"huge string":        "$999999999\r\n",
		"huge array":         "*999999999\r\n",
		"many small":         "*60000000\r\n" + strings.Repeat("*0\r\n", 2<<20),
		"deep":               strings.Repeat("*1\r\n", 100),
		"string without end": "$1\r\naXX",
		"short verbatim":     "=2\r\nhi\r\n",
		"streamed":           "$?\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, answer(t, wire))
			r, err := c.Do(t.Context(), "PING")
			if err == nil {
				t.Fatalf("Do = %+v, want an error", r)
			}
			if c.Err() == nil {
				t.Error("the connection counts as usable")
			}
		})
	}
}

func TestDoCancelled(t *testing.T) {
	c := connect(t, answer(t, "$10\r\nhalf"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, "GET", "k"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Do: %v", err)
	}
	if _, err := c.Do(t.Context(), "GET", "k"); err == nil || c.Err() == nil {
		t.Errorf("Do after a reply that was cut: %v, Err %v", err, c.Err())
	}

	fresh := connect(t, answer(t, "+OK\r\n"))
	done, stop := context.WithCancel(t.Context())
	stop()
	if _, err := fresh.Do(done, "PING"); !errors.Is(err, context.Canceled) {
		t.Errorf("Do after cancel: %v", err)
	}
	if r, err := fresh.Do(t.Context(), "PING"); err != nil || r.Text != "OK" {
		t.Errorf("nothing was sent, yet the connection is lost: %+v, %v", r, err)
	}
}

func TestDoRefuses(t *testing.T) {
	c := connect(t, answer(t, "+OK\r\n"))
	for _, args := range [][]string{{}, {"SYNC"}, {"psync", "?", "-1"}, {"client", "reply", "OFF"}, {"CLIENT", "REPLY", "skip"}} {
		if _, err := c.Do(t.Context(), args...); err == nil {
			t.Errorf("Do(%q) succeeded", args)
		}
	}
	if r, err := c.Do(t.Context(), "CLIENT", "REPLY", "ON"); err != nil || r.Text != "OK" {
		t.Errorf("Do = %+v, %v", r, err)
	}
}

func TestPushes(t *testing.T) {
	c := connect(t, answer(t, ">2\r\n+invalidate\r\n*1\r\n+k\r\n+OK\r\n"))
	var got []store.Reply
	c.OnPush = func(r store.Reply) { got = append(got, r) }
	if r, err := c.Do(t.Context(), "SET", "k", "v"); err != nil || r.Text != "OK" {
		t.Fatalf("Do = %+v, %v", r, err)
	}
	if len(got) != 1 || got[0].Elems[0].Text != "invalidate" {
		t.Errorf("pushes = %+v", got)
	}
}

func TestSubscribe(t *testing.T) {
	redis := startRedis(t)
	for _, proto := range []string{"2", "3"} {
		t.Run("RESP"+proto, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			sub, pub := connect(t, redis.dial), connect(t, redis.dial)
			do(t, sub, "HELLO", proto)
			if r := do(t, sub, "SUBSCRIBE", "a", "b"); r.Elems[0].Text != "subscribe" || r.Elems[1].Text != "a" {
				t.Fatalf("SUBSCRIBE = %+v", r)
			}
			if r, err := sub.Receive(ctx); err != nil || r.Elems[1].Text != "b" {
				t.Fatalf("Receive = %+v, %v", r, err)
			}
			do(t, pub, "PUBLISH", "b", "hello")
			if r, err := sub.Receive(ctx); err != nil || r.Elems[2].Text != "hello" {
				t.Fatalf("Receive = %+v, %v", r, err)
			}
			if _, err := sub.Do(ctx, "PING"); !errors.Is(err, store.ErrStreaming) {
				t.Errorf("Do while subscribed: %v", err)
			}
			short, stop := context.WithTimeout(ctx, 20*time.Millisecond)
			defer stop()
			if _, err := sub.Receive(short); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Receive without a message: %v", err)
			}
		})
	}
}

func TestConnectLogsIn(t *testing.T) {
	mini := miniredis.RunT(t)
	mini.RequireAuth("secret")
	if _, err := store.Connect(t.Context(), tcp(mini.Addr()), store.WithCredentials("", "wrong")); err == nil {
		t.Error("Connect with a wrong password succeeded")
	}
	c := connect(t, tcp(mini.Addr()), store.WithCredentials("", "secret"), store.WithDB(3))
	do(t, c, "SET", "k", "v")
	if v, err := mini.DB(3).Get("k"); v != "v" || err != nil {
		t.Errorf("database 3 has %q, %v", v, err)
	}
	do(t, c, "MULTI")
	if r := do(t, c, "GET", "k"); r.Kind != store.Status || r.Text != "QUEUED" {
		t.Errorf("in a transaction: %+v", r)
	}
	if r := do(t, c, "EXEC"); len(r.Elems) != 1 || r.Elems[0].Text != "v" {
		t.Errorf("EXEC = %+v", r)
	}
	broken := errors.New("no such tunnel")
	if _, err := store.Connect(t.Context(), func(context.Context) (net.Conn, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("Connect: %v", err)
	}
}

// Commands arrive as they were sent, regardless of their bytes.
func TestDoSendsBytes(t *testing.T) {
	ours, theirs := net.Pipe()
	c := connect(t, func(context.Context) (net.Conn, error) { return ours, nil })
	got := make(chan string, 1)
	go func() {
		defer func() { _ = theirs.Close() }()
		buf := make([]byte, len("*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\x00\xff\r\n"))
		_, _ = io.ReadFull(bufio.NewReader(theirs), buf)
		got <- string(buf)
		_, _ = io.WriteString(theirs, "+OK\r\n")
	}()
	do(t, c, "ECHO", "\r\n\x00\xff")
	if want, g := "*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\x00\xff\r\n", <-got; g != want {
		t.Errorf("sent %q, want %q", g, want)
	}
}
