// Package rdb takes a snapshot of a Redis that goes on serving, as one of its replicas does: Redis forks, writes all its keys as of that
// moment, and sends them.
package rdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// idle is how long Redis may say nothing. While it writes the snapshot, it sends an empty line each second.
const idle = time.Minute

const (
	maxLine = 4 << 10 // bytes of a line of Redis
	// maxSize bounds a snapshot, in bytes.
	maxSize = 1 << 40
	// magic begins a snapshot; four digits follow.
	magic = "REDIS"
)

// ErrNone says that what Redis sent is no snapshot.
var ErrNone = errors.New("what Redis sent is no snapshot")

// Snapshot writes the snapshot to w and closes the connection, which must be logged in already as a user that may SYNC, and on which no
// reply is awaited. It returns the number of bytes.
//
// Redis 7.0 and newer end the connection by themselves; others would go on with what changes, which nobody reads.
func Snapshot(ctx context.Context, conn net.Conn, w io.Writer) (int64, error) {
	t := newTransfer(conn)
	stop := context.AfterFunc(ctx, t.close)
	defer func() { stop(); t.close() }()
	size, err := t.copyTo(w)
	switch {
	case ctx.Err() != nil:
		return size, ctx.Err()
	case t.silent():
		return size, fmt.Errorf("taking a snapshot of Redis: it sent nothing for %s; `stackctl logs` of its service may say why", idle)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return size, errors.New("taking a snapshot of Redis: it ended the connection; `stackctl logs` of its service may say why, such as too little memory or disk")
	case err != nil:
		return size, fmt.Errorf("taking a snapshot of Redis: %w", err)
	}
	return size, nil
}

// transfer is a connection that is closed when nothing comes for too long.
type transfer struct {
	conn    net.Conn
	r       *bufio.Reader
	timer   *time.Timer
	expired chan struct{}
}

func newTransfer(conn net.Conn) *transfer {
	t := &transfer{conn: conn, expired: make(chan struct{})}
	t.timer = time.AfterFunc(idle, func() { close(t.expired); _ = conn.Close() }) // a tunnel has no deadlines
	t.r = bufio.NewReaderSize(t, 32<<10)
	return t
}

func (t *transfer) Read(p []byte) (int, error) {
	n, err := t.conn.Read(p)
	if n > 0 && t.timer.Stop() {
		t.timer.Reset(idle)
	}
	return n, err
}

func (t *transfer) close() {
	t.timer.Stop()
	_ = t.conn.Close()
}

func (t *transfer) silent() bool {
	select {
	case <-t.expired:
		return true
	default:
		return false
	}
}

func (t *transfer) copyTo(w io.Writer) (int64, error) {
	// It wants the snapshot and not what changes later. Redis 6 does not know that, and says so.
	if _, err := io.WriteString(t.conn, "REPLCONF rdb-only 1\r\n"); err != nil {
		return 0, err
	}
	if _, err := t.line(); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(t.conn, "SYNC\r\n"); err != nil {
		return 0, err
	}
	line := ""
	for line == "" { // it still writes
		var err error
		if line, err = t.line(); err != nil {
			return 0, err
		}
	}
	if strings.HasPrefix(line, "-") {
		return 0, errors.New(line[1:])
	}
	size, err := strconv.ParseInt(strings.TrimPrefix(line, "$"), 10, 64)
	if err != nil || !strings.HasPrefix(line, "$") || size < int64(len(magic)) || size > maxSize {
		return 0, fmt.Errorf("%w: %q", ErrNone, line)
	}
	begin, err := t.r.Peek(len(magic))
	if err != nil {
		return 0, err
	}
	if string(begin) != magic {
		return 0, fmt.Errorf("%w: it begins with %q", ErrNone, begin)
	}
	return io.CopyN(w, t.r, size)
}

// line reads a line, without its end.
func (t *transfer) line() (string, error) {
	var line []byte
	for {
		b, err := t.r.ReadByte()
		switch {
		case err != nil:
			return "", err
		case b == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case len(line) == maxLine:
			return "", fmt.Errorf("%w: a line has no end", ErrNone)
		}
		line = append(line, b)
	}
}
