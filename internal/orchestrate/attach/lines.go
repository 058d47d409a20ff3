package attach

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	batchSize = 64 << 10 // about as much is handed on at once
	maxLine   = 1 << 20  // a longer line is handed on in pieces, each as a line
)

// stampLayout is how the engine stamps a message of a log; a blank follows.
const stampLayout = "2006-01-02T15:04:05.000000000Z"

// lines joins what comes in frames to whole lines.
type lines struct {
	emit    func(stderr bool, text []byte)
	stamped bool
	seen    time.Time // the engine's clock: its log is known up to here
	batch   []byte    // whole lines
	stderr  bool      // of the batch
	rest    [2][]byte // the beginning of a line, of standard output and of standard error
}

// readFrames reads a stream in which the engine multiplexes standard output and standard error: one byte for the stream, three of zero, four of
// length, big endian, then the payload. https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
func (l *lines) readFrames(stream io.Reader) error {
	br := bufio.NewReaderSize(stream, batchSize)
	var header [8]byte
	for {
		if br.Buffered() < len(header) { // before a wait, what there is goes on
			l.flush()
		}
		if _, err := io.ReadFull(br, header[:]); err != nil {
			return ended(err)
		}
		if header[0] > 3 || header[1]|header[2]|header[3] != 0 {
			return fmt.Errorf("reading a frame: its header is % x", header[:4])
		}
		if err := l.frame(br, header[0], int(binary.BigEndian.Uint32(header[4:]))); err != nil {
			return err
		}
	}
}

func (l *lines) frame(br *bufio.Reader, stream byte, size int) error {
	if l.stamped && stream != 3 && size > len(stampLayout) {
		stamp := make([]byte, len(stampLayout)+1)
		if _, err := io.ReadFull(br, stamp); err != nil {
			return ended(err)
		}
		size -= len(stamp)
		if at, err := time.Parse(stampLayout, string(stamp[:len(stampLayout)])); err == nil {
			l.seen = latest(l.seen, at.Add(1)) // the log is read from the next nanosecond on
		}
	}
	for size > 0 {
		part, err := br.Peek(min(size, max(1, br.Buffered()), batchSize))
		if err != nil {
			return ended(err)
		}
		if stream == 3 {
			return fmt.Errorf("the engine says: %q", bytes.TrimSpace(part))
		}
		l.add(stream == 2, part)
		_, _ = br.Discard(len(part)) // they are buffered
		size -= len(part)
	}
	return nil
}

// readRaw reads the stream of a terminal, which has standard output alone.
func (l *lines) readRaw(stream io.Reader) error {
	part := make([]byte, batchSize)
	for {
		n, err := stream.Read(part)
		l.add(false, part[:n])
		l.flush()
		if err != nil {
			return ended(err)
		}
	}
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (l *lines) add(stderr bool, part []byte) {
	i := 0
	if stderr {
		i = 1
	}
	end := bytes.LastIndexByte(part, '\n') + 1
	if end > 0 || len(l.rest[i])+len(part) > maxLine {
		if l.stderr != stderr {
			l.flush()
			l.stderr = stderr
		}
		l.batch = append(append(l.batch, l.rest[i]...), part[:end]...)
		l.rest[i] = l.rest[i][:0]
		if end == 0 {
			l.batch = append(l.batch, '\n')
		}
	}
	l.rest[i] = append(l.rest[i], part[end:]...)
	if len(l.batch) >= batchSize {
		l.flush()
	}
}

// flush hands on the whole lines.
func (l *lines) flush() {
	if len(l.batch) > 0 {
		l.emit(l.stderr, l.batch)
		l.batch = nil // it is the receiver's now
	}
}

// finish ends lines that have no end.
func (l *lines) finish() {
	for i, rest := range l.rest {
		if len(rest) > 0 {
			l.add(i == 1, []byte{'\n'})
		}
	}
	l.flush()
}
