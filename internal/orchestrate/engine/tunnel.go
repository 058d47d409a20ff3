package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// tunnelCommand is the hidden command of stackctl that joins its standard streams to a TCP address.
var tunnelCommand = []string{"/stackctl", "tunnel"}

// Dial connects to a TCP address as seen from inside the container, which must carry stackctl: an exec of
// `stackctl tunnel` whose standard streams are the connection.
func (e *Engine) Dial(ctx context.Context, containerID, address string) (net.Conn, error) {
	created, err := e.ContainerExecCreate(ctx, containerID, container.ExecOptions{
		Cmd: append(append([]string{}, tunnelCommand...), address), AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return nil, fmt.Errorf("creating the tunnel in container %q: %w", containerID, err)
	}
	stream, err := e.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return nil, fmt.Errorf("opening the tunnel in container %q: %w", containerID, err)
	}
	return NewConn(stream, address), nil
}

// Conn is a net.Conn over the attached streams of an exec or a container.
type Conn struct {
	stream  types.HijackedResponse
	address string
	stdout  net.Conn // the near end of a net.Pipe, which has the deadlines that the stream's frames cannot have
	stderr  tail
	broke   error // why the stream ended, where it did not just end; set before stdout ends
	done    chan struct{}
	once    sync.Once
	onClose []func()
}

var _ net.Conn = (*Conn)(nil)

// NewConn wraps attached streams. Conn owns the goroutine that separates standard output from standard error; Close
// ends it, waits for it, and then calls onClose.
func NewConn(stream types.HijackedResponse, address string, onClose ...func()) *Conn {
	near, far := net.Pipe()
	c := &Conn{stream: stream, address: address, stdout: near, done: make(chan struct{}), onClose: onClose}
	go func() {
		defer close(c.done)
		defer far.Close()
		_, c.broke = stdcopy.StdCopy(far, &c.stderr, stream.Reader)
	}()
	return c
}

// Read reads what the far end sent. When the tunnel broke, the error is what it said about that.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.stdout.Read(p)
	if errors.Is(err, io.EOF) {
		if text := c.stderr.String(); text != "" {
			return n, errors.New(text)
		}
		if c.broke != nil {
			return n, fmt.Errorf("reading from the tunnel to %s: %w", c.address, c.broke)
		}
	}
	return n, err
}

func (c *Conn) Write(p []byte) (int, error) { return c.stream.Conn.Write(p) }

// Close ends the connection and with it the process at the other end.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.stream.Close()
		_ = c.stdout.Close()
		<-c.done
		for _, f := range c.onClose {
			f()
		}
	})
	return nil
}

// LocalAddr and RemoteAddr name the far end: there is no address at this one.
func (c *Conn) LocalAddr() net.Addr  { return tunnelAddr(c.address) }
func (c *Conn) RemoteAddr() net.Addr { return tunnelAddr(c.address) }

// SetDeadline bounds reads and writes.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline bounds reads; the connection stays usable after a read that timed out. That the far end has closed it already, the
// next read tells.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if err := c.stdout.SetReadDeadline(t); !errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	return nil
}

// SetWriteDeadline bounds writes.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.stream.Conn.SetWriteDeadline(t) }

type tunnelAddr string

func (tunnelAddr) Network() string  { return "tunnel" }
func (a tunnelAddr) String() string { return string(a) }

// tail keeps the first bytes of standard error: the tunnel writes one line when it cannot connect.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf.Write(p[:min(len(p), tailSize-t.buf.Len())])
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf.Bytes()))
}
