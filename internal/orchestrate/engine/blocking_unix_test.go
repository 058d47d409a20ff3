//go:build unix

package engine

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestBlockingConnection(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	far := make(chan net.Conn, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			far <- conn
		}
	}()
	conn, err := dialBlocking(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	peer := <-far
	if _, err := peer.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if n, err := conn.Write([]byte("back")); err != nil || n != 4 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := io.ReadFull(peer, buf[:4]); err != nil {
		t.Error(err)
	}
	_ = peer.Close()
	if _, err := io.ReadFull(conn, buf); !errors.Is(err, io.EOF) {
		t.Errorf("after the peer's end: %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if _, err := conn.Read(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

func TestClosingABlockingConnectionEndsARead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := dialBlocking(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		ended <- err
	}()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for users := 0; users == 0; <-ticker.C {
		c := conn.(*blockingConn)
		c.mu.Lock()
		users = c.users
		c.mu.Unlock()
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the read goes on")
	}
}
