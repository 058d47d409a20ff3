package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const tunnelDialTimeout = 3 * time.Second

// Tunnel connects in and out with the TCP server at target, a host:port. They are the stdin and
// stdout of an exec in a container, through which a Redis client reaches a Redis that is not published.
//
// The end of in, or an error of it, closes only the sending half, so that pending replies still
// arrive. Tunnel returns nil when the server has closed its half, and ctx's error when ctx is done.
//
// A pending Read of in can be interrupted only if in has read deadlines. Otherwise, as with
// os.Stdin, a goroutine stays in that Read after Tunnel has returned, until in or the process ends.
// A blocked Write to out is waited for.
func Tunnel(ctx context.Context, target string, in io.Reader, out io.Writer) error {
	dialer := net.Dialer{Timeout: tunnelDialTimeout}
	c, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return fmt.Errorf("connecting to %q: %w", target, err)
	}
	conn := c.(*net.TCPConn) // dialing "tcp" always returns one
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()

	source := &input{r: in}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		// Its error is either the input's, which source keeps, or the connection's, which the copy below returns too.
		_, _ = io.Copy(conn, source)
		_ = conn.CloseWrite()
	}()

	_, err = io.Copy(out, conn)
	_ = conn.Close()
	select {
	case <-sent:
		err = errors.Join(source.err, err)
	default:
		interrupt(in, sent)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("tunnelling to %q: %w", target, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("tunnelling to %q: %w", target, err)
	}
	return nil
}

// interrupt ends the sender's pending Read, if in has read deadlines, and waits for the sender.
func interrupt(in io.Reader, sent <-chan struct{}) {
	d, ok := in.(interface{ SetReadDeadline(time.Time) error })
	if !ok {
		return
	}
	if err := d.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return // os.Stdin has the method, but it returns an error
	}
	<-sent
	_ = d.SetReadDeadline(time.Time{})
}

// input keeps its read error, which io.Copy does not tell from a write error.
type input struct {
	r   io.Reader
	err error
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && err != io.EOF {
		i.err = fmt.Errorf("reading the input: %w", err)
	}
	return n, err
}
