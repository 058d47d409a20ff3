//go:build unix

package engine

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"go.uber.org/goleak"

	"stackctl.dev/stackctl/internal/orchestrate/enginetest"
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

// Logs that are followed over a connection of their own have the same limits and errors as all else, and end when it is closed.
func TestFollowedLogs(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   string // the text, or the error's words
	}{
		"a log":         {enginetest.Text("a line"), "a line"},
		"no log":        {enginetest.Says(http.StatusNotImplemented, "configured logging driver does not support reading"), "does not support reading"},
		"no answer":     {enginetest.Hang, "no answer from the engine within 100ms"},
		"an engine off": {enginetest.HangUp, "EOF"},
	} {
		dir, err := os.MkdirTemp("", "e") // short: a socket's path has 107 bytes at most
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		listener, err := net.Listen("unix", filepath.Join(dir, "s"))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(tt.answer)
		_ = server.Listener.Close()
		server.Listener = listener
		server.Start()
		follower := (&Engine{Address: "unix://" + listener.Addr().String(), API: "1.41", Limit: 100 * time.Millisecond}).Follow()
		got := ""
		stream, err := follower.ContainerLogs(t.Context(), "c", container.LogsOptions{ShowStdout: true, Follow: true})
		if err == nil {
			var text []byte
			text, err = io.ReadAll(stream)
			got = string(text)
			_ = stream.Close()
		}
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s", name, got)
		}
		if err := follower.Close(); err != nil {
			t.Error(err)
		}
		server.CloseClientConnections()
		server.Close()
	}
	e := oddEngine(t, enginetest.Hang)
	if follower := e.Follow(); follower.logs != e.Client || follower.Close() != nil {
		t.Error("another connection to an engine that is not at a unix socket")
	}
}
