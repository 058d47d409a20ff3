package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Bounds of a reply, so that neither a huge list nor a peer that is not Redis takes all memory.
const (
	maxReplyBytes = 64 << 20
	maxLineBytes  = 64 << 10
	maxDepth      = 64
	elemCost      = 64 // about the size of a Reply without its text
)

var (
	errTooLarge = errors.New("the reply is larger than 64 MiB: ask for less, with SCAN, LRANGE or GETRANGE")
	errProtocol = errors.New("the peer does not speak the Redis protocol")
)

// replyReader reads RESP2 and RESP3 (https://redis.io/docs/latest/develop/reference/protocol-spec/), without the streamed types,
// which Redis never sends.
type replyReader struct {
	br     *bufio.Reader
	budget int // bytes left for the reply being read
}

// read reads one reply.
func (r *replyReader) read() (Reply, error) {
	r.budget = maxReplyBytes
	return r.value(maxDepth)
}

func (r *replyReader) value(depth int) (Reply, error) {
	if depth == 0 {
		return Reply{}, fmt.Errorf("%w: nested more than %d deep", errProtocol, maxDepth)
	}
	if r.budget -= elemCost; r.budget < 0 {
		return Reply{}, errTooLarge
	}
	line, err := r.line()
	if err != nil {
		return Reply{}, err
	}
	if len(line) == 0 {
		return Reply{}, fmt.Errorf("%w: empty line", errProtocol)
	}
	switch tag, text := line[0], string(line[1:]); tag {
	case '$', '!', '=':
		return r.bulk(tag, text)
	case '*', '%', '~', '>':
		return r.aggregate(tag, text, depth)
	case '|': // attributes of the reply that follows; they are not shown
		if _, err := r.aggregate('%', text, depth); err != nil {
			return Reply{}, err
		}
		return r.value(depth - 1)
	default:
		return scalar(tag, text)
	}
}

// scalar reads a reply that fits on its line.
func scalar(tag byte, text string) (Reply, error) {
	switch tag {
	case '+':
		return Reply{Kind: Status, Text: text}, nil
	case '-':
		return Reply{Kind: Error, Text: text}, nil
	case ':':
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return Reply{}, fmt.Errorf("%w: integer %q", errProtocol, text)
		}
		return Reply{Kind: Integer, Int: n}, nil
	case '_':
		return Reply{}, nil
	case ',':
		return Reply{Kind: Double, Text: text}, nil
	case '(':
		return Reply{Kind: BigNumber, Text: text}, nil
	case '#':
		if text != "t" && text != "f" {
			return Reply{}, fmt.Errorf("%w: boolean %q", errProtocol, text)
		}
		if text == "t" {
			return Reply{Kind: Bool, Int: 1}, nil
		}
		return Reply{Kind: Bool}, nil
	}
	return Reply{}, fmt.Errorf("%w: reply starts with %q", errProtocol, tag)
}

// bulk reads text of a given length.
func (r *replyReader) bulk(tag byte, length string) (Reply, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < -1 {
		return Reply{}, fmt.Errorf("%w: length %q", errProtocol, length)
	}
	if n == -1 {
		return Reply{}, nil
	}
	if r.budget -= n; r.budget < 0 {
		return Reply{}, errTooLarge
	}
	buf := make([]byte, n+2)
	if _, err := io.ReadFull(r.br, buf); err != nil {
		return Reply{}, unexpected(err)
	}
	if buf[n] != '\r' || buf[n+1] != '\n' {
		return Reply{}, fmt.Errorf("%w: text of %d bytes has no end", errProtocol, n)
	}
	text := string(buf[:n])
	switch tag {
	case '!':
		return Reply{Kind: Error, Text: text}, nil
	case '=':
		if n < 4 || text[3] != ':' {
			return Reply{}, fmt.Errorf("%w: verbatim text without a format", errProtocol)
		}
		return Reply{Kind: Verbatim, Text: text[4:]}, nil
	}
	return Reply{Kind: String, Text: text}, nil
}

func (r *replyReader) aggregate(tag byte, length string, depth int) (Reply, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < -1 || n > maxReplyBytes {
		return Reply{}, fmt.Errorf("%w: %q elements", errProtocol, length)
	}
	if n == -1 {
		return Reply{}, nil
	}
	kind := Array
	switch tag {
	case '%':
		kind, n = Map, 2*n
	case '~':
		kind = Set
	case '>':
		kind = Push
	}
	// The announced length is not trusted: memory is allocated as elements arrive.
	elems := make([]Reply, 0, min(n, 1024))
	for range n {
		e, err := r.value(depth - 1)
		if err != nil {
			return Reply{}, unexpected(err)
		}
		elems = append(elems, e)
	}
	return Reply{Kind: kind, Elems: elems}, nil
}

// line reads up to the next CRLF, which it drops. The line is valid until the next read.
func (r *replyReader) line() ([]byte, error) {
	line, err := r.br.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("%w: line longer than %d bytes", errProtocol, maxLineBytes)
	case err != nil && len(line) > 0:
		return nil, unexpected(err)
	case err != nil:
		return nil, err
	case len(line) < 2 || line[len(line)-2] != '\r':
		return nil, fmt.Errorf("%w: line ends without CR", errProtocol)
	}
	return line[:len(line)-2], nil
}

// unexpected turns io.EOF inside a reply into io.ErrUnexpectedEOF; between replies it stays io.EOF.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendCommand appends a command as an array of strings, which every version of Redis reads.
func appendCommand(dst []byte, args []string) []byte {
	dst = append(strconv.AppendInt(append(dst, '*'), int64(len(args)), 10), '\r', '\n')
	for _, a := range args {
		dst = append(strconv.AppendInt(append(dst, '$'), int64(len(a)), 10), '\r', '\n')
		dst = append(append(dst, a...), '\r', '\n')
	}
	return dst
}
