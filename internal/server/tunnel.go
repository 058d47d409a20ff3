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

// Tunnel connects in and out to the TCP server target, a host:port. Over an Engine exec, whose stdin
// and stdout they are, it lets an operator's Redis client reach a Redis that is not published.
//
// The end of in, and an error of it, closes only the sending half: replies under way still
// arrive. Tunnel returns nil when the remote has closed its half, and ctx's error when ctx is done.
//
// A pending Read of in can be interrupted only where in has read deadlines. Of any other, such as
// os.Stdin, one goroutine stays in that Read after Tunnel has returned, until in ends or the process does.
// A Write that out blocks is waited for.
func Tunnel(ctx context.Context, target string, in io.Reader, out io.Writer) error {
	dialer := net.Dialer{Timeout: tunnelDialTimeout}
	c, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return fmt.Errorf("connecting to %q: %w", target, err)
	}
	conn := c.(*net.TCPConn) // what dialing "tcp" always gives
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()

	source := &input{r: in}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		// Its error is the input's, kept by source, or the connection's, which the copy below sees too.
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

// interrupt ends the sender's pending Read where in can do that, and waits for the sender.
func interrupt(in io.Reader, sent <-chan struct{}) {
	d, ok := in.(interface{ SetReadDeadline(time.Time) error })
	if !ok {
		return
	}
	if err := d.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return // os.Stdin has the method and refuses
	}
	<-sent
	_ = d.SetReadDeadline(time.Time{})
}

// input remembers its own error, which io.Copy mixes with those of writing.
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
