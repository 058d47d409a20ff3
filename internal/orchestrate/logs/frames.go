package logs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The engine multiplexes stdout and stderr in frames: one byte for the stream, three of zero, four of length, big endian, then the payload, which is
// one message of the log. https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
const (
	headerSize  = 8
	systemError = 3 // a message of the engine itself
	maxFrame    = maxLine + maxStamp
)

// readFrames reads the log of a container without a tty until its end.
func readFrames(br *bufio.Reader, j *joiner) error {
	var header [headerSize]byte
	var buf []byte
	for {
		if br.Buffered() < headerSize {
			if err := j.idle(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(br, header[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		stream, size := header[0], int64(binary.BigEndian.Uint32(header[4:]))
		if stream > systemError || header[1]|header[2]|header[3] != 0 {
			return fmt.Errorf("reading log frame: its header is % x", header[:4])
		}
		kept := min(size, maxFrame)
		if int64(cap(buf)) < kept {
			buf = make([]byte, kept, max(kept, bodySize))
		}
		buf = buf[:kept]
		if int64(br.Buffered()) < kept {
			if err := j.idle(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(br, buf); err != nil {
			return cutOff(err)
		}
		if size > kept {
			if _, err := io.CopyN(io.Discard, br, size-kept); err != nil {
				return cutOff(err)
			}
		}
		if stream == systemError {
			return fmt.Errorf("engine: %q", bytes.TrimSpace(buf[:min(len(buf), 1024)]))
		}
		if err := j.add(max(stream, stdout), buf, size > kept); err != nil {
			return err
		}
	}
}

// pieceSize is after how many bytes the engine splits a line.
const pieceSize = 16 << 10

// readTTY reads the log of a container with a tty until its end: no frames, just stamped lines. A line of more than 16 KiB has a stamp again
// in its middle, where the engine has split it.
func readTTY(br *bufio.Reader, j *joiner) error {
	buf := make([]byte, 0, bodySize)
	for {
		buf = buf[:0]
		stamp, err := br.ReadSlice(' ')
		buf = append(buf, stamp...)
		if errors.Is(err, io.EOF) {
			if len(buf) == 0 {
				return nil
			}
			return j.add(stdout, buf, false)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		buf, err = appendPiece(buf, br)
		if len(buf) > 0 {
			addErr := j.add(stdout, buf, false)
			if addErr == nil {
				addErr = j.idle() // how much of the next line is here already cannot be told
			}
			if addErr != nil {
				return addErr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// appendPiece reads up to a newline, or up to where the engine has split the line.
func appendPiece(buf []byte, br *bufio.Reader) ([]byte, error) {
	for n := 0; ; n++ {
		if n > 0 && n%pieceSize == 0 && (n >= maxLine || stampAhead(br)) {
			return buf, nil
		}
		c, err := br.ReadByte()
		if err != nil {
			return buf, err
		}
		buf = append(buf, c)
		if c == '\n' {
			return buf, nil
		}
	}
}

// stampAhead reports whether the next bytes are a time stamp.
func stampAhead(br *bufio.Reader) bool {
	next, _ := br.Peek(maxStamp)
	at, _ := splitStamp(next)
	return !at.IsZero()
}

// cutOff says that a stream ended inside a frame.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
