package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"stackctl.dev/stackctl/internal/server/tier/tiertest"
)

// remote serves one connection with handle.
func remote(t *testing.T, handle func(conn *net.TCPConn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		handle(conn.(*net.TCPConn))
	})
	t.Cleanup(func() {
		ln.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}

// The remote answers only after the end of the input: it arrives as a half-close,
// and the answer still comes through.
func TestTunnelHalfCloses(t *testing.T) {
	target := remote(t, func(conn *net.TCPConn) {
		all, err := io.ReadAll(conn)
		if err != nil {
			t.Error(err)
		}
		_, _ = conn.Write(bytes.ToUpper(all))
	})
	var out bytes.Buffer
	question := strings.Repeat("ping ", 100_000)
	if err := Tunnel(t.Context(), target, strings.NewReader(question), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != strings.ToUpper(question) {
		t.Errorf("%d bytes came back of %d", out.Len(), len(question))
	}
}

func TestTunnelIsAConversation(t *testing.T) {
	m := startRedis(t)
	in, theirIn := net.Pipe()
	out, theirOut := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Tunnel(t.Context(), m.Addr(), theirIn, theirOut) }()
	for range 3 {
		if _, err := io.WriteString(in, "*1\r\n$4\r\nPING\r\n"); err != nil {
			t.Fatal(err)
		}
		reply := make([]byte, 7)
		if _, err := io.ReadFull(out, reply); err != nil || string(reply) != "+PONG\r\n" {
			t.Fatalf("%q %v", reply, err)
		}
	}
	in.Close()
	if err := <-done; err != nil {
		t.Errorf("Tunnel: %v", err)
	}
}

// in never ends, and Tunnel leaves no goroutine in its Read: see TestMain.
func TestTunnelEndsWithTheRemote(t *testing.T) {
	target := remote(t, func(conn *net.TCPConn) { _, _ = io.WriteString(conn, "bye") })
	ours, in := net.Pipe()
	defer ours.Close()
	var out bytes.Buffer
	if err := Tunnel(t.Context(), target, in, &out); err != nil || out.String() != "bye" {
		t.Errorf("%q %v", out.String(), err)
	}
	go func() { _, _ = ours.Write([]byte("x")) }()
	if _, err := io.ReadFull(in, make([]byte, 1)); err != nil {
		t.Errorf("in is not usable afterwards: %v", err)
	}
}

// A Read of a reader without deadlines stays pending; Tunnel returns nevertheless.
func TestTunnelDoesNotWaitForStdin(t *testing.T) {
	target := remote(t, func(conn *net.TCPConn) {})
	in, theirs := io.Pipe()
	if err := Tunnel(t.Context(), target, in, io.Discard); err != nil {
		t.Error(err)
	}
	theirs.Close() // ends the Read that was left
}

func TestTunnelEndsWithTheContext(t *testing.T) {
	accepted := make(chan struct{})
	target := remote(t, func(conn *net.TCPConn) {
		close(accepted)
		_, _ = io.Copy(io.Discard, conn)
	})
	ours, in := net.Pipe()
	defer ours.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-accepted
		cancel()
	}()
	if err := Tunnel(ctx, target, in, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("Tunnel: %v", err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("stdin is broken") }

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("stdout is broken") }

func TestTunnelErrors(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		target := tiertest.FreeAddr(t)
		start := time.Now()
		err := Tunnel(t.Context(), target, strings.NewReader(""), io.Discard)
		if err == nil || !strings.HasPrefix(err.Error(), `connecting to "`+target+`": `) || time.Since(start) > tunnelDialTimeout {
			t.Errorf("got %v", err)
		}
	})
	t.Run("input", func(t *testing.T) {
		target := remote(t, func(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) })
		err := Tunnel(t.Context(), target, failingReader{}, io.Discard)
		if err == nil || !strings.HasSuffix(err.Error(), "reading the input: stdin is broken") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("output", func(t *testing.T) {
		target := remote(t, func(conn *net.TCPConn) { _, _ = io.WriteString(conn, "x") })
		ours, in := net.Pipe()
		defer ours.Close()
		err := Tunnel(t.Context(), target, in, failingWriter{})
		if err == nil || !strings.HasSuffix(err.Error(), "stdout is broken") {
			t.Errorf("got %v", err)
		}
	})
}
