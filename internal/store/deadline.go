package store

import (
	"net"
	"os"
	"sync"
	"time"
)

// deadlineConn enforces deadlines on connections that accept but ignore them, such as the pipe of docker's ssh helper: it closes the
// connection if a read or write is not finished at its deadline. After a partial reply the connection could not be used again anyway.
type deadlineConn struct {
	net.Conn

	mu          sync.Mutex
	read, write time.Time
}

func (c *deadlineConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	c.read, c.write = t, t
	c.mu.Unlock()
	return c.Conn.SetDeadline(t)
}

func (c *deadlineConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.read = t
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}

func (c *deadlineConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.write = t
	c.mu.Unlock()
	return c.Conn.SetWriteDeadline(t)
}

func (c *deadlineConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	deadline := c.read
	c.mu.Unlock()
	return c.within(deadline, c.Conn.Read, p)
}

func (c *deadlineConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	deadline := c.write
	c.mu.Unlock()
	return c.within(deadline, c.Conn.Write, p)
}

// closeGrace gives a connection that supports deadlines time to return its own error first.
const closeGrace = 50 * time.Millisecond

func (c *deadlineConn) within(deadline time.Time, do func([]byte) (int, error), p []byte) (int, error) {
	if deadline.IsZero() {
		return do(p)
	}
	timer := time.AfterFunc(time.Until(deadline)+closeGrace, func() { _ = c.Close() })
	n, err := do(p)
	if !timer.Stop() && err != nil {
		return n, os.ErrDeadlineExceeded
	}
	return n, err
}
