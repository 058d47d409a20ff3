//go:build unix

package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// idle is how long a read waits for a line before it looks whether the tier is to end.
const idle = 250 * time.Millisecond

// receive counts lines until ctx is done, and closes the socket.
//
// The socket is taken out of Go's poller, which would wake up for each line, also while nobody reads: at 3,500 requests a second that was
// most of what the tier used.
func (s *Server) receive(ctx context.Context) error {
	fd, err := detach(s.lines)
	if err != nil {
		return fmt.Errorf("listening on %q: %w", s.Addr(), err)
	}
	defer func() { _ = unix.Close(fd) }()
	line := make([]byte, maxLine)
	wait := time.NewTimer(gather)
	defer wait.Stop()
	for flags := 0; ctx.Err() == nil; {
		n, _, err := unix.Recvfrom(fd, line, flags)
		switch {
		case err == nil:
			s.count(line[:n])
			flags = unix.MSG_DONTWAIT // the others that are there
			continue
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("reading lines on %q: %w", s.Addr(), err)
		case flags == 0:
			continue
		}
		flags = 0
		wait.Reset(gather)
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// detach returns a descriptor of the connection's socket whose reads block, at most for the time idle, and closes the connection.
func detach(conn *net.UDPConn) (fd int, err error) {
	defer func() { _ = conn.Close() }()
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	if failed := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); failed != nil || err != nil {
		return 0, errors.Join(failed, err)
	}
	limit := unix.NsecToTimeval(int64(idle))
	if err := errors.Join(unix.SetNonblock(fd, false), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)); err != nil {
		_ = unix.Close(fd)
		return 0, err
	}
	return fd, nil
}
