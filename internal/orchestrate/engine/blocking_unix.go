//go:build unix

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// blockingConn is a unix socket outside of Go's network poller. The engine writes each line of a log by itself, and the poller wakes for every
// one of them, also while nobody reads: at 50,000 lines a second that alone takes 17 % of a core (docs/adr/0010). Here a thread waits in read
// instead. It has no deadlines: whoever uses it closes it.
type blockingConn struct {
	fd            int
	local, remote net.Addr

	mu     sync.Mutex
	users  int // reads and writes under way
	closed bool
}

var _ net.Conn = (*blockingConn)(nil)

// dialBlocking connects to a unix socket.
func dialBlocking(ctx context.Context, path string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &blockingConn{local: conn.LocalAddr(), remote: conn.RemoteAddr()}
	control := raw.Control(func(fd uintptr) {
		if c.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			err = unix.SetNonblock(c.fd, false)
		}
	})
	if err := errors.Join(control, err); err != nil {
		return nil, fmt.Errorf("setting up %q: %w", path, err)
	}
	return c, nil
}

func (c *blockingConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.use(p, unix.Read)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

func (c *blockingConn) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n, err := c.use(p[written:], unix.Write)
		if err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// use keeps the descriptor from being closed, and its number given to another file, while a call is in it.
func (c *blockingConn) use(p []byte, call func(fd int, p []byte) (int, error)) (int, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	c.users++
	c.mu.Unlock()
	var n int
	var err error = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		n, err = call(c.fd, p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users--; c.closed {
		if c.users == 0 {
			_ = unix.Close(c.fd)
		}
		return 0, net.ErrClosed
	}
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	return n, nil
}

// Close ends reads and writes that are under way.
func (c *blockingConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	if c.users > 0 {
		return unix.Shutdown(c.fd, unix.SHUT_RDWR) // wakes them; the last one closes
	}
	return unix.Close(c.fd)
}

func (c *blockingConn) LocalAddr() net.Addr  { return c.local }
func (c *blockingConn) RemoteAddr() net.Addr { return c.remote }

func (c *blockingConn) SetDeadline(time.Time) error      { return nil }
func (c *blockingConn) SetReadDeadline(time.Time) error  { return nil }
func (c *blockingConn) SetWriteDeadline(time.Time) error { return nil }
